import type { Bench, Family } from "../suite/workload.ts";
import { apiFamily } from "./api.ts";
import { buildsFamily } from "./builds.ts";
import { clientFamily } from "./client.ts";
import { composeFamily } from "./compose.ts";
import { copyFamily } from "./copy.ts";
import { daemonFamily } from "./daemon.ts";
import { imagesFamily } from "./images.ts";
import { listsFamily } from "./lists.ts";
import { logsFamily } from "./logs.ts";
import { manyFamily } from "./many.ts";
import { networksFamily } from "./networks.ts";
import { runFamily } from "./run.ts";
import { trafficFamily } from "./traffic.ts";
import { transfersFamily } from "./transfers.ts";

/** Every family, in the order of the table. */
export function allFamilies(bench: Bench): readonly Family[] {
  const families = [
    ...[runFamily, manyFamily, clientFamily, apiFamily, listsFamily],
    ...[logsFamily, copyFamily, imagesFamily, transfersFamily, buildsFamily],
    ...[networksFamily, trafficFamily, composeFamily, daemonFamily],
  ];
  return families.map((family) => family(bench));
}
