import type { ConformanceCase } from "./case.ts";
import { DISCOVERY_CASES } from "./discovery.ts";
import { MANAGEMENT_CASES } from "./management.ts";
import { PULL_CASES } from "./pull.ts";
import { PUSH_CASES } from "./push.ts";

/** Every clause of distribution-spec 1.1 that a client can see, by its workflow category. */
export const CONFORMANCE: Readonly<Record<string, readonly ConformanceCase[]>> = {
  pull: PULL_CASES,
  push: PUSH_CASES,
  discovery: DISCOVERY_CASES,
  management: MANAGEMENT_CASES,
};
