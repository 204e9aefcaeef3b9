import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  chownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Processes } from "#host/processes.ts";
import { fillVolume, finishFill } from "./fill.ts";

const SIGNAL = new AbortController().signal;
let top = "";
let rootfs = "";
let volumeDir = "";
let data = "";

const processes: Pick<Processes, "run"> = {
  run: async ({ argv }) => {
    const child = Bun.spawn([...argv], { stdout: "pipe", stderr: "pipe" });
    const stderr = await new Response(child.stderr).text();
    return { code: await child.exited, stdout: "", stderr };
  },
};

function fill(destination: string): Promise<boolean> {
  const request = { volumeDir, dataPath: data, rootfsPath: rootfs, destination };
  return fillVolume(request, processes, SIGNAL);
}

beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), "wharf-fill-"));
  rootfs = join(top, "rootfs");
  volumeDir = join(top, "volume");
  data = join(volumeDir, "_data");
  mkdirSync(join(rootfs, "var/lib/db"), { recursive: true });
  mkdirSync(data, { recursive: true });
});
afterEach(() => rmSync(top, { recursive: true }));

describe("fillVolume()", () => {
  test("copies content, owner, mode, hard and symbolic links", async () => {
    const source = join(rootfs, "var/lib/db");
    writeFileSync(join(source, "file"), "content");
    chownSync(join(source, "file"), 999, 998);
    chmodSync(join(source, "file"), 0o640);
    linkSync(join(source, "file"), join(source, "hard"));
    symlinkSync("/etc/passwd", join(source, "link"));
    mkdirSync(join(source, ".hidden/deep"), { recursive: true });
    chownSync(source, 999, 999);
    chmodSync(source, 0o1770);

    expect(await fill("/var/lib/db")).toBe(true);
    const file = lstatSync(join(data, "file"));
    expect([file.uid, file.gid, file.mode & 0o7777, file.nlink]).toEqual([999, 998, 0o640, 2]);
    expect(readlinkSync(join(data, "link"))).toBe("/etc/passwd");
    expect(readdirSync(data).toSorted()).toEqual([".hidden", "file", "hard", "link"]);
    const folder = lstatSync(data);
    expect([folder.uid, folder.mode & 0o7777]).toEqual([999, 0o1770]);
    expect(readdirSync(volumeDir)).toEqual(["_data"]);
  });

  test("of an empty folder takes its owner and mode", async () => {
    chownSync(join(rootfs, "var/lib/db"), 70, 70);
    chmodSync(join(rootfs, "var/lib/db"), 0o700);
    expect(await fill("/var/lib/db")).toBe(true);
    expect([lstatSync(data).uid, lstatSync(data).mode & 0o7777]).toEqual([70, 0o700]);
  });

  test("leaves a volume with content, and one without a counterpart, as they are", async () => {
    expect(await fill("/nowhere")).toBe(false);
    writeFileSync(join(rootfs, "var/lib/db/new"), "");
    writeFileSync(join(data, "old"), "");
    expect(await fill("/var/lib/db")).toBe(false);
    expect(readdirSync(data)).toEqual(["old"]);
  });

  test("follows links inside the root only", async () => {
    mkdirSync(join(top, "host"));
    writeFileSync(join(top, "host/secret"), "");
    symlinkSync(`../../../../../../../../../..${top}/host`, join(rootfs, "var/escape"));
    expect(await fill("/var/escape")).toBe(false);
    expect(readdirSync(data)).toEqual([]);
  });

  test("refuses a file at the mount point", () => {
    writeFileSync(join(rootfs, "var/file"), "");
    expect(fill("/var/file")).rejects.toThrow("cannot mount volume over existing file");
  });

  test("leaves the volume empty when the copy fails", async () => {
    writeFileSync(join(rootfs, "var/lib/db/file"), "");
    const failing: Pick<Processes, "run"> = {
      run: async ({ argv }) => {
        mkdirSync(argv.at(-1) ?? "");
        return { code: 1, stdout: "", stderr: "cp: No space left on device\n" };
      },
    };
    const request = { volumeDir, dataPath: data, rootfsPath: rootfs, destination: "/var/lib/db" };
    expect(fillVolume(request, failing, SIGNAL)).rejects.toThrow("No space left on device");
    await Promise.resolve();
    expect(readdirSync(data)).toEqual([]);
  });

  test("finishFill() completes a whole copy and drops half a one", async () => {
    mkdirSync(join(volumeDir, "_copied"));
    mkdirSync(join(volumeDir, "_copying"));
    writeFileSync(join(volumeDir, "_copied/a"), "new");
    writeFileSync(join(volumeDir, "_copied/b"), "new");
    writeFileSync(join(data, "a"), "moved");
    await finishFill(volumeDir);
    expect(readdirSync(volumeDir)).toEqual(["_data"]);
    expect([readFileSync(join(data, "a"), "utf8"), readFileSync(join(data, "b"), "utf8")]).toEqual([
      "moved",
      "new",
    ]);
  });
});
