import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Contender } from "../suite/contender.ts";
import { folderAt } from "../suite/isolation.ts";
import type { Bench, Family } from "../suite/workload.ts";
import { oneCommand } from "./shared.ts";

const SERVICES = 20;

/** An application of 20 services whose image is there, by each engine's own compose: up, up again, down. */
export function composeFamily(bench: Bench): Family {
  const file = join(folderAt(bench.folder, "compose"), "compose.yaml");
  writeFileSync(file, applicationOf(SERVICES));
  const compose = (...words: readonly string[]) => ["compose", "-f", file, "-p", "bench", ...words];
  const up = compose("up", "-d");
  const down = compose("down", "-v", "-t", "0");
  const takeDown = async ({ cli }: Contender) => await cli(down);
  const bringUp = async ({ cli }: Contender) => await cli(up);
  const both = { contenders: ["wharf", "docker"], maxRuns: bench.isQuick ? 3 : 7 };
  return {
    name: "compose",
    workloads: [
      {
        ...oneCommand(`compose up, ${SERVICES} services`, up),
        ...both,
        goals: [{ kind: "ratio", against: "docker", atMost: 1 / 3 }],
        after: takeDown,
      },
      {
        ...oneCommand(`compose up, nothing to do`, up),
        contenders: both.contenders,
        goals: [{ kind: "absolute", atMost: 150 }],
        prepare: bringUp,
        clean: takeDown,
      },
      {
        ...oneCommand(`compose down, ${SERVICES} services`, down),
        ...both,
        before: bringUp,
      },
    ],
  };
}

/** Half of them need another; all are on one network. */
function applicationOf(services: number): string {
  const lines = Array.from({ length: services }, (_, index) => {
    const needs = index % 2 === 1 ? `, depends_on: [s${index - 1}]` : "";
    return `  s${index}: {image: busybox, command: sleep 100000, init: true${needs}}`;
  });
  return `services:\n${lines.join("\n")}\n`;
}
