import { expect, test } from "bun:test";
import { InternalError } from "#base/errors.ts";
import type { Netlink } from "#host/netlink.ts";
import { DeviceSweeper } from "./device-sweeper.ts";

const clock = {
  nowMs: () => Date.now(),
  nowNanos: () => BigInt(Date.now()) * 1_000_000n,
  monotonicMs: () => performance.now(),
  delay: () => Promise.resolve(),
};

function sweeperOn(link: Netlink["link"]): { sweeper: DeviceSweeper; warnings: string[] } {
  const warnings: string[] = [];
  const netlink = { link } as unknown as Netlink; // nothing else is asked for
  const warn = (message: string): void => void warnings.push(message);
  return { sweeper: new DeviceSweeper({ netlink, clock, warn }), warnings };
}

test("a kernel that does not answer is told once, and the loop goes on with the others", async () => {
  let left = 3;
  const { sweeper, warnings } = sweeperOn((name) => {
    if (name === "bad") throw new InternalError("no answer");
    left -= 1;
    return left > 0 ? ({ name } as ReturnType<Netlink["link"]>) : undefined;
  });
  sweeper.expectGone("bad");
  sweeper.expectGone("good");
  await sweeper.settled();
  expect(warnings).toEqual(["Cannot see whether device bad has gone: no answer"]);
  expect(left).toBe(0);
});

test("after its end nothing is asked of the kernel", async () => {
  let asked = 0;
  const { sweeper } = sweeperOn(() => {
    asked += 1;
    return undefined;
  });
  await sweeper[Symbol.asyncDispose]();
  sweeper.expectGone("late");
  await sweeper.settled();
  expect(asked).toBe(0);
});
