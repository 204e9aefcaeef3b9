import { expect, test } from "bun:test";
import { parsePluginConfig } from "#managed-plugins/plugin-config.ts";
import { parsePrivileges } from "#spec/engine-api/plugin-privileges.ts";
import { checkGranted, privilegesOf } from "./privileges.ts";

const config = parsePluginConfig(
  JSON.stringify({
    Entrypoint: ["/run"],
    Interface: { Socket: "s" },
    Network: { Type: "host" },
    PidHost: true,
    Mounts: [{ Name: "m", Source: "/tmp" }, { Name: "none" }],
    Linux: {
      AllowAllDevices: true,
      Capabilities: ["CAP_A", "CAP_B"],
      Devices: [{ Path: "/dev/x" }],
    },
  }),
);

test("privilegesOf() names what the host would give", () => {
  expect(privilegesOf(config).map(({ Name, Value }) => `${Name}: ${Value.join(",")}`)).toEqual([
    "network: host",
    "host pid namespace: true",
    "mount: /tmp",
    "device: /dev/x",
    "allow-all-devices: true",
    "capabilities: CAP_A,CAP_B",
  ]);
});

test("checkGranted() takes the same in any order, and nothing else", () => {
  const wanted = privilegesOf(config);
  checkGranted(wanted, parsePrivileges(wanted.toReversed()));
  for (const granted of [[], wanted.slice(1), [...wanted, ...wanted.slice(0, 1)]]) {
    expect(() => checkGranted(wanted, granted)).toThrow("incorrect privileges");
  }
  expect(() => parsePrivileges("x")).toThrow("failed to parse privileges");
});
