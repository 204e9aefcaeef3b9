import { expect, test } from "bun:test";
import { ManualClock } from "#host/fake/clock.ts";
import { HostServers } from "./host-servers.ts";

test("HostServers follows the file, and keeps what it said while it is empty or gone", async () => {
  const clock = new ManualClock();
  let read = (): string => "nameserver 10.0.0.1\n";
  const host = new HostServers({ clock, read: () => read() });
  const servers = () => host.resolvConf().nameservers;
  expect(servers()).toEqual(["10.0.0.1"]);
  read = () => "nameserver 10.0.0.2\n";
  expect(servers()).toEqual(["10.0.0.1"]);
  await clock.advance(1000);
  expect(servers()).toEqual(["10.0.0.2"]);
  read = () => "";
  await clock.advance(1000);
  expect(servers()).toEqual(["10.0.0.2"]);
  read = () => {
    throw new Error("gone");
  };
  await clock.advance(1000);
  expect(servers()).toEqual(["10.0.0.2"]);
});
