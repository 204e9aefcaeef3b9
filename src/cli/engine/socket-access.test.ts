import { expect, test } from "bun:test";
import { accessHint, groupName, socketAccessHint } from "./socket-access.ts";

test("accessHint() names the group that may, and how to join it", () => {
  expect(accessHint({ group: "docker", mayWrite: true, user: "me" })).toBe(
    'The group "docker" may: run it with sudo, or join the group and log in again: sudo usermod -aG docker me',
  );
  const closed = "Only root may use this socket: run it with sudo";
  expect(accessHint({ group: "docker", mayWrite: false, user: "me" })).toBe(closed);
  expect(accessHint({ group: "root", mayWrite: true, user: "me" })).toBe(closed);
});

test("groupName() reads /etc/group", () => {
  const groups = "root:x:0:\ndocker:x:998:me,you\n";
  expect(groupName(groups, 998)).toBe("docker");
  expect(groupName(groups, 7)).toBe("7");
});

test("socketAccessHint() helps also where nothing can be found out", () => {
  expect(socketAccessHint("tcp://host:2376")).toStartWith("Run it as root, or as a member");
  expect(socketAccessHint("unix:///no/such/socket")).toContain("no such file");
});
