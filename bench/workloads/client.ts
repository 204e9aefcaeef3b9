import type { Bench, Family } from "../suite/workload.ts";
import { NO_SLOWER, oneCommand } from "./shared.ts";

/** What a client takes to start, ask and print. */
export function clientFamily(_bench: Bench): Family {
  return {
    name: "client",
    workloads: [
      { ...oneCommand("version", ["version"]), goals: NO_SLOWER },
      { ...oneCommand("ps", ["ps"]), goals: NO_SLOWER },
    ],
  };
}
