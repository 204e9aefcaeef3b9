import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DeviceRequest } from "#spec/engine-api/host-config.ts";
import type { Spec } from "#spec/oci-runtime.ts";
import { applyEdits } from "./apply-edits.ts";
import { readCatalogue } from "./catalogue.ts";
import { isDeviceName, tryParseQualifiedName } from "./device-name.ts";
import { resolveDeviceRequests } from "./resolve.ts";
import { type CdiEdits, parseCdiSpec } from "./spec.ts";

let root: string;
let first: string;
let second: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "wharf-cdi-"));
});
beforeEach(() => {
  first = mkdtempSync(join(root, "a"));
  second = mkdtempSync(join(root, "b"));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const YAML = `
cdiVersion: "0.6.0"
kind: acme.com/loom
annotations: {whatever: "1"}
containerEdits:
  env: [LOOM=yes]
devices:
- name: "0"
  containerEdits:
    deviceNodes:
    - {path: /dev/loom0, hostPath: /dev/null, permissions: rw, fileMode: 0640}
    mounts:
    - {hostPath: /opt/loom, containerPath: /loom, options: [ro, nosuid]}
    hooks:
    - {hookName: createContainer, path: /usr/bin/loom-hook, args: [loom-hook, update]}
    additionalGids: [44, 0]
- name: all
  containerEdits:
    env: [LOOMS=all]
`;

function specOf(kind: string, names: readonly string[]): string {
  const devices = names.map((name) => ({ name, containerEdits: { env: [`D=${name}`] } }));
  return JSON.stringify({ cdiVersion: "0.5.0", kind, devices });
}

function request(fields: Partial<DeviceRequest>): DeviceRequest {
  return { Driver: "", Count: 0, DeviceIDs: [], Capabilities: [], Options: {}, ...fields };
}

const cdi = (...ids: string[]) => [request({ Driver: "cdi", DeviceIDs: ids })];
const gpus = (fields: Partial<DeviceRequest>) => [request({ Capabilities: [["gpu"]], ...fields })];
const variables = (edits: readonly CdiEdits[]) => edits.flatMap(({ env }) => env);

describe("names", () => {
  test("vendor, class and device are told apart", () => {
    expect(tryParseQualifiedName("acme.com/loom=0:a.b-c_d")).toEqual({
      kind: "acme.com/loom",
      name: "0:a.b-c_d",
    });
    for (const text of ["/dev/fuse", "a/b", "a/b=", "=x", "a/b/c=d", "1a/b=c", "a/b=-x", "/b=c"]) {
      expect([text, tryParseQualifiedName(text)]).toEqual([text, undefined]);
    }
    expect(isDeviceName("x".repeat(20_000) + "-")).toBe(false);
  });
});

describe("parseCdiSpec()", () => {
  test("reads YAML as vendors write it, octal modes included, and JSON", () => {
    const spec = parseCdiSpec(YAML, "yaml");
    expect(spec.kind).toBe("acme.com/loom");
    expect(spec.devices.map(({ name }) => name)).toEqual(["0", "all"]);
    expect(spec.devices[0]?.edits.deviceNodes).toEqual([
      { path: "/dev/loom0", hostPath: "/dev/null", permissions: "rw", fileMode: 0o640 },
    ]);
    expect(parseCdiSpec(specOf("a.b/cc", ["x"]), "json").devices).toHaveLength(1);
  });

  test.each([
    ["{", "it is no JSON"],
    ["[]", "cannot unmarshal array"],
    [{ cdiVersion: "2.0.0" }, 'unsupported cdiVersion "2.0.0"'],
    [{ kind: "acme" }, 'invalid kind "acme"'],
    [{ devices: [] }, "it has no devices"],
    [{ devices: [{ name: "a" }, { name: "a" }] }, "device a is there twice"],
    [{ devices: [{ name: "-" }] }, 'invalid device name "-"'],
    [{ containerEdits: { env: ["X"] } }, 'invalid environment variable "X"'],
    [{ containerEdits: { deviceNodes: [{ path: "dev" }] } }, 'path "dev" is no absolute path'],
    [{ containerEdits: { hooks: [{ hookName: "x", path: "/x" }] } }, 'invalid hookName "x"'],
    [{ containerEdits: { hooks: [{ hookName: "prestart", path: "x" }] } }, "no absolute path"],
    [{ containerEdits: { intelRdt: {} } }, "intelRdt is not supported"],
    [{ containerEdits: { mounts: [{ hostPath: "/a" }] } }, 'containerPath "" is no absolute path'],
  ])("refuses %j", (given, message) => {
    const whole = { cdiVersion: "0.6.0", kind: "a.b/cc", devices: [{ name: "a" }] };
    const text = typeof given === "string" ? given : JSON.stringify({ ...whole, ...given });
    expect(() => parseCdiSpec(text, "json")).toThrow(message);
  });
});

describe("readCatalogue()", () => {
  test("lets a later folder win, and neither of two files of one folder", () => {
    writeFileSync(join(first, "a.json"), specOf("a.b/cc", ["x", "y"]));
    writeFileSync(join(second, "a.yaml"), YAML);
    writeFileSync(join(second, "b.json"), specOf("a.b/cc", ["x"]));
    writeFileSync(join(second, "ignored.txt"), "nothing");
    const { devices, problems } = readCatalogue([first, second, join(root, "nosuch")]);
    expect([...devices.keys()].sort()).toEqual([
      "a.b/cc=x",
      "a.b/cc=y",
      "acme.com/loom=0",
      "acme.com/loom=all",
    ]);
    expect(problems).toEqual([]);
    writeFileSync(join(second, "c.json"), specOf("a.b/cc", ["x"]));
    const clash = readCatalogue([first, second]);
    expect(clash.devices.has("a.b/cc=x")).toBe(false);
    expect(clash.problems).toHaveLength(1);
  });

  test("leaves out what it cannot read or everybody may write, and says so", () => {
    writeFileSync(join(first, "bad.json"), "{");
    writeFileSync(join(first, "open.json"), specOf("a.b/cc", ["x"]));
    chmodSync(join(first, "open.json"), 0o666);
    mkdirSync(join(first, "folder.yaml"));
    const { devices, problems } = readCatalogue([first]);
    expect(devices.size).toBe(0);
    expect(problems).toHaveLength(3);
    expect(problems.join()).toContain("everybody may write to it");
  });
});

describe("resolveDeviceRequests()", () => {
  test("gives a file's edits once, before those of its devices", () => {
    writeFileSync(join(first, "a.yaml"), YAML);
    const edits = resolveDeviceRequests(cdi("acme.com/loom=all", "acme.com/loom=0"), [first]);
    expect(variables(edits)).toEqual(["LOOM=yes", "LOOMS=all"]);
    expect(edits).toHaveLength(3);
    expect(resolveDeviceRequests([], [first])).toEqual([]);
  });

  test("serves --gpus by what calls itself one", () => {
    writeFileSync(join(first, "gpu.json"), specOf("nvidia.com/gpu", ["0", "1", "10", "2"]));
    const given = (fields: Partial<DeviceRequest>) =>
      variables(resolveDeviceRequests(gpus(fields), [first]));
    expect(given({ Count: 2 })).toEqual(["D=0", "D=1"]);
    expect(given({ Count: -1 })).toEqual(["D=0", "D=1", "D=2", "D=10"]);
    expect(given({ DeviceIDs: ["10"], Driver: "nvidia" })).toEqual(["D=10"]);
    expect(() => given({ Count: 9 })).toThrow("the host has 4 of nvidia.com/gpu");
    writeFileSync(join(first, "gpu.json"), specOf("nvidia.com/gpu", ["0", "all"]));
    expect(given({ Count: -1 })).toEqual(["D=all"]);
  });

  test("refuses in Docker's words", () => {
    const resolve =
      (requests: readonly DeviceRequest[], directories = [first]) =>
      () =>
        resolveDeviceRequests(requests, directories);
    expect(resolve(cdi("a.b/cc=x", "bad"))).toThrow(
      "CDI device injection failed: unresolvable CDI devices a.b/cc=x, bad",
    );
    expect(resolve([request({ Driver: "cdi", Count: 1 })])).toThrow("unexpected count");
    expect(resolve([request({ Driver: "cdi", Options: { a: "b" } })])).toThrow(
      "unexpected options",
    );
    expect(resolve(gpus({ Count: -1 }))).toThrow(
      `could not select device driver "" with capabilities: [[gpu]]: no CDI specification in ${first}`,
    );
    expect(resolve(cdi("a.b/cc=x"), [])).toThrow("CDI is switched off by --cdi-spec-dir");
  });
});

describe("applyEdits()", () => {
  const SPEC: Spec = {
    ociVersion: "1.0.2",
    root: { path: "/r" },
    process: {
      cwd: "/",
      args: [],
      env: ["PATH=/bin", "LOOM=no"],
      user: { uid: 5, gid: 6, additionalGids: [6] },
    },
    mounts: [{ destination: "/loom", type: "tmpfs" }],
    linux: { namespaces: [], devices: [{ type: "c", path: "/dev/loom0" }] },
  };
  const lookUp = (path: string) =>
    path === "/dev/null"
      ? { type: "c" as const, major: 1, minor: 3, fileMode: 0o666, uid: 0, gid: 0 }
      : undefined;

  test("adds to config.json, and puts the device's in place of what was there", () => {
    writeFileSync(join(first, "a.yaml"), YAML);
    const edited = applyEdits(SPEC, resolveDeviceRequests(cdi("acme.com/loom=0"), [first]), lookUp);
    expect(edited.process?.env).toEqual(["PATH=/bin", "LOOM=yes"]);
    expect(edited.process?.user.additionalGids).toEqual([6, 44]);
    expect(edited.linux.devices).toEqual([
      { type: "c", path: "/dev/loom0", major: 1, minor: 3, fileMode: 0o640, uid: 5, gid: 6 },
    ]);
    expect(edited.linux.resources?.devices).toEqual([
      { allow: true, type: "c", major: 1, minor: 3, access: "rw" },
    ]);
    expect(edited.mounts).toEqual([
      {
        destination: "/loom",
        type: "bind",
        source: "/opt/loom",
        options: ["rbind", "ro", "nosuid"],
      },
    ]);
    expect(edited.hooks).toEqual({
      createContainer: [{ path: "/usr/bin/loom-hook", args: ["loom-hook", "update"] }],
    });
    expect(applyEdits(SPEC, [], lookUp)).toBe(SPEC);
  });

  test("refuses a node that the host does not have", () => {
    const { devices } = parseCdiSpec(YAML, "yaml");
    const edits = devices.map((device) => device.edits);
    expect(() => applyEdits(SPEC, edits, () => undefined)).toThrow(
      'failed to stat CDI host device "/dev/null"',
    );
  });
});
