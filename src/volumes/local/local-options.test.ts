import { describe, expect, test } from "bun:test";
import { parseLocalOptions, serverNameOf, withServerAddress } from "./local-options.ts";

const NFS = { type: "nfs", device: ":/export", o: "addr=files.example,ro,,soft" };

describe("parseLocalOptions()", () => {
  test("without options there is nothing to mount", () => {
    expect(parseLocalOptions("v1", {})).toBeUndefined();
  });

  test("splits the options of mount(8)", () => {
    expect(parseLocalOptions("v1", NFS)).toEqual({
      type: "nfs",
      device: ":/export",
      options: ["addr=files.example", "ro", "soft"],
    });
  });

  test.each<[Readonly<Record<string, string>>, string]>([
    [{ foo: "bar" }, 'create v1: invalid option: "foo"'],
    [{ o: "size=1" }, 'create v1: missing required option: "device"'],
    [{ type: "tmpfs" }, 'create v1: missing required option: "device"'],
    [{ device: "/x" }, 'create v1: missing required option: "type"'],
    [{ size: "1G" }, "create v1: quota size requested but no quota support"],
  ])("refuses %j", (options, message) => {
    expect(() => parseLocalOptions("v1", options)).toThrow(message);
  });

  test("withServerAddress() replaces the name that serverNameOf() found", () => {
    const mount = parseLocalOptions("v1", NFS);
    if (!mount) throw new Error("no mount");
    expect(serverNameOf(mount)).toBe("files.example");
    expect(withServerAddress(mount, "10.0.0.9").options[0]).toBe("addr=10.0.0.9");
    expect(serverNameOf({ ...mount, type: "ext4" })).toBeUndefined();
  });
});
