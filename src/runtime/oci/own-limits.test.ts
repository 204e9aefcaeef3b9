import { expect, test } from "bun:test";
import { splitOwnLimits } from "./own-limits.ts";

test("splitOwnLimits() leaves the runtime what it takes", () => {
  const device = { major: 8, minor: 0 };
  expect(
    splitOwnLimits(
      {
        pids: { limit: 5 },
        blockIO: {
          weight: 100,
          throttleReadBpsDevice: [{ ...device, rate: 1 }],
          throttleWriteIOPSDevice: [{ ...device, rate: 0 }],
        },
      },
      "crun",
    ),
  ).toEqual({
    own: [
      { kind: "readBytes", ...device, rate: 1 },
      { kind: "writeOperations", ...device, rate: 0 },
    ],
    rest: { pids: { limit: 5 }, blockIO: { weight: 100 } },
  });
  const nothing = splitOwnLimits({ blockIO: { throttleReadBpsDevice: [] } }, "crun");
  expect(nothing).toEqual({ own: [], rest: {} });
});

test("splitOwnLimits() takes any number of processes from crun alone", () => {
  const unlimited = { cpu: { shares: 2 }, pids: { limit: -1 } };
  expect(splitOwnLimits(unlimited, "crun")).toEqual({
    own: [{ kind: "anyProcesses" }],
    rest: { cpu: { shares: 2 } },
  });
  expect(splitOwnLimits(unlimited, "runc")).toEqual({ own: [], rest: unlimited });
});
