import type { Bench, Family } from "../suite/workload.ts";
import { clientFamily } from "./client.ts";
import { composeFamily } from "./compose.ts";
import { copyFamily } from "./copy.ts";
import { listsFamily } from "./lists.ts";
import { logsFamily } from "./logs.ts";
import { networksFamily } from "./networks.ts";
import { runFamily } from "./run.ts";

/** Every family, in the order of the table. */
export function allFamilies(bench: Bench): readonly Family[] {
  const families = [
    runFamily,
    clientFamily,
    listsFamily,
    networksFamily,
    logsFamily,
    copyFamily,
    composeFamily,
  ];
  return families.map((family) => family(bench));
}
