import { expect, test } from "bun:test";
import { parseInterfaceCounters } from "./interface-counters.ts";

test("parseInterfaceCounters() reads all devices but lo", () => {
  const text = [
    "Inter-|   Receive                                                |  Transmit",
    " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed",
    "    lo:     100       1    0    0    0     0          0         0      100       1    0    0    0     0       0          0",
    "  eth0: 1000 10 1 2 0 0 0 0 2000 20 3 4 0 0 0 0",
    "",
  ].join("\n");
  expect(parseInterfaceCounters(text)).toEqual({
    eth0: {
      rxBytes: 1000,
      rxPackets: 10,
      rxErrors: 1,
      rxDropped: 2,
      txBytes: 2000,
      txPackets: 20,
      txErrors: 3,
      txDropped: 4,
    },
  });
});
