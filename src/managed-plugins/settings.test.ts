import { describe, expect, test } from "bun:test";
import type { ManagedPluginRecord } from "./managed-plugin.ts";
import { capabilitiesOf } from "./managed-plugin.ts";
import { pathsOf, scopePath } from "./paths.ts";
import { parsePluginConfig } from "./plugin-config.ts";
import { findPlugin, parsePluginName, resolvePlugin } from "./resolve.ts";
import { applySettings, defaultSettings } from "./settings.ts";

const CONFIG = {
  Entrypoint: ["/run-me"],
  Interface: { Types: ["docker.volumedriver/1.0", "moby.logdriver/1.0"], Socket: "p.sock" },
  PropagatedMount: "/mnt/volumes",
  Mounts: [{ Name: "data", Source: "/a", Destination: "/d", Type: "bind", Settable: ["source"] }],
  Linux: { Devices: [{ Name: "fuse", Path: "/dev/fuse", Settable: [] }] },
  Env: [{ Name: "WORD", Value: "x", Settable: ["value"] }],
  Args: { Name: "args", Value: ["1"], Settable: ["value"] },
};
const config = parsePluginConfig(JSON.stringify(CONFIG));
const before = defaultSettings(config);

describe("parsePluginConfig()", () => {
  test.each<[object, string]>([
    [{ Entrypoint: [] }, "Entrypoint is empty"],
    [{ Interface: { Socket: "" } }, 'Interface.Socket "" is no file name'],
    [{ Interface: { Socket: "a/b" } }, "is no file name"],
    [{ Interface: { Socket: "p", ProtocolScheme: "grpc" } }, 'protocol "grpc" is unknown'],
    [{ PropagatedMount: "x" }, 'PropagatedMount "x" is no absolute path'],
    [{ Env: "x" }, "failed to parse plugin config: json: cannot unmarshal string"],
  ])("refuses %j", (change, message) => {
    expect(() => parsePluginConfig(JSON.stringify({ ...CONFIG, ...change }))).toThrow(message);
  });
});

describe("applySettings()", () => {
  test("sets variables, arguments and sources", () => {
    const after = applySettings(config, before, [
      "WORD=a=b",
      "args=2  3",
      "data.source=/b",
      "data=/c",
    ]);
    expect(after.Env).toEqual(["WORD=a=b"]);
    expect(after.Args).toEqual(["2", "3"]);
    expect(after.Mounts[0]?.Source).toBe("/c");
  });

  test.each([
    ["fuse.path=/dev/x", '"fuse.path" is not settable'],
    ["data.destination=/x", '"data.destination" is not settable'],
    ["none=1", 'setting "none" not found in the plugin configuration'],
    ["=1", 'could not parse setting: "=1"'],
  ])("refuses %s", (text, message) => {
    expect(() => applySettings(config, before, [text])).toThrow(message);
  });
});

describe("names and paths", () => {
  const record = (id: string, name: string): ManagedPluginRecord => ({
    id: id.repeat(32),
    name,
    isEnabled: false,
    config,
    settings: before,
    timeoutSeconds: 0,
  });
  const all = [record("a1", "keeper:latest"), record("a2", "keeper:2"), record("b1", "ns/other:1")];

  test("findPlugin() takes names, ids and the beginnings of ids", () => {
    const find = (text: string) => findPlugin(all, text)?.name;
    expect([find("keeper"), find("keeper:2"), find("b1b1"), find("docker.io/ns/other:1")]).toEqual([
      "keeper:latest",
      "keeper:2",
      "ns/other:1",
      "ns/other:1",
    ]);
    expect(find("nope")).toBeUndefined();
    expect(() => find("a")).toThrow('multiple plugins found for "a"');
    expect(() => resolvePlugin(all, "nope")).toThrow('plugin "nope" not found');
    expect(() => parsePluginName(`x@sha256:${"0".repeat(64)}`)).toThrow("canonical references");
  });

  test("capabilitiesOf() reads the types", () => {
    const [first] = all;
    expect(first && capabilitiesOf(first)).toEqual(["volumedriver", "logdriver"]);
  });

  test("scopePath() maps the plugin's paths to the host's, and nowhere else", () => {
    const paths = pathsOf({ directory: "/data", sockets: "/run" }, { id: "c".repeat(64) });
    const own = `/data/${"c".repeat(64)}`;
    const scope = (path: string) => scopePath(paths, "/mnt/volumes/", path);
    expect(scope("/mnt/volumes/v")).toBe(`${own}/propagated-mount/v`);
    expect(scope("/mnt/volumes/../../../etc")).toBe(`${own}/rootfs/etc`);
    expect(scope("/mnt/volumesx")).toBe(`${own}/rootfs/mnt/volumesx`);
  });
});
