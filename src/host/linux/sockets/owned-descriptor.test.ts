import { expect, test } from "bun:test";
import { closeSync, fstatSync, openSync } from "node:fs";
import { InternalError } from "#base/errors.ts";
import { openLibc } from "#host/linux/ffi/libc.ts";
import { NetlinkSocket } from "#host/linux/netlink/socket.ts";
import { listLinks } from "#host/linux/netlink/link-requests.ts";
import { OwnedDescriptor } from "./owned-descriptor.ts";

const libc = openLibc();

test("a descriptor is closed once: who got its number next keeps it", () => {
  const owned = new OwnedDescriptor(libc, openSync("/dev/null", "r"), "a test");
  const { number } = owned;
  owned[Symbol.dispose]();
  const next = openSync("/dev/null", "r");
  expect(next).toBe(number);
  owned[Symbol.dispose]();
  expect(fstatSync(next).isCharacterDevice()).toBe(true);
  expect(() => owned.number).toThrow("Cannot use a test: it is closed");
  closeSync(next);
});

test("a netlink socket that is used after its end says so, and writes to nobody else's descriptor", () => {
  const socket = new NetlinkSocket({ libc });
  socket[Symbol.dispose]();
  expect(() => socket.dump("Cannot list links", listLinks())).toThrow(InternalError);
});
