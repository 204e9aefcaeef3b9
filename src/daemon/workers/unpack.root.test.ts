import { dlopen } from "bun:ffi";
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { type Member, tarOf } from "#images/testing/archives.ts";
import {
  DEFAULT_UNPACK_LIMITS,
  type UnpackJob,
  type UnpackReport,
} from "#images/unpack/protocol.ts";
import { digestOf } from "#spec/digest.ts";

const SELF = [process.execPath, join(import.meta.dir, "testing/self.ts")];
const { llistxattr: listXattr } = dlopen("libc.so.6", {
  llistxattr: { args: ["ptr", "ptr", "u64"], returns: "i64" },
}).symbols;
let root = "";
let layer = "";

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "wharf-unpack-"));
  layer = join(root, "layer");
  mkdirSync(layer);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function jobFor(blob: Uint8Array, form: UnpackJob["form"]): UnpackJob {
  const blobPath = join(root, "blob");
  writeFileSync(blobPath, blob);
  return {
    blobPath,
    directory: layer,
    form,
    limits: DEFAULT_UNPACK_LIMITS,
    parentPid: process.pid,
  };
}

async function run(job: UnpackJob): Promise<UnpackReport | undefined> {
  const child = Bun.spawn([...SELF, "worker", "unpack", JSON.stringify(job)], { stdout: "pipe" });
  const lines = (await new Response(child.stdout).text()).trim().split("\n");
  await child.exited;
  return lines.map((line) => JSON.parse(line) as UnpackReport).at(-1);
}

async function unpack(
  members: readonly Member[],
  form: UnpackJob["form"] = "overlay",
): Promise<UnpackReport | undefined> {
  return await run(jobFor(await tarOf(members), form));
}

describe("unpack worker", () => {
  test("sets owners, modes, times and attributes", async () => {
    const mtimeNanoseconds = 981_173_106_123_456_789n;
    const tar = await tarOf([
      { name: "d/", mode: 0o2775, uid: 1000, gid: 1001, mtimeNanoseconds },
      { name: "d/suid", body: "x", mode: 0o6755, uid: 5, gid: 6, mtimeNanoseconds },
      { name: "d/plain", body: "y", mode: 0o640, mtimeNanoseconds },
      { name: "d/link", type: "symlink", linkName: "plain", uid: 7, gid: 8, mtimeNanoseconds },
      { name: "d/hard", type: "hardlink", linkName: "d/plain" },
      {
        name: "d/capable",
        body: "",
        xattrs: new Map([
          ["user.note", Buffer.from("hello")],
          ["security.capability", Buffer.from("0100000200200000000000000000000000000000", "hex")],
        ]),
      },
    ]);
    const packed = gzipSync(tar);
    expect(await run(jobFor(packed, "overlay"))).toEqual({
      type: "result",
      result: {
        diffId: digestOf(tar) as string as never,
        entries: 6,
        sizeBytes: 1 + 1 + 5,
        impliedDirectories: [],
        tarBytes: tar.length,
        packing: "gzip",
      },
    });
    const stat = (path: string): { readonly [key: string]: unknown } => {
      const { mode, uid, gid, mtimeNs } = lstatSync(join(layer, path), { bigint: true });
      return { mode: (mode & 0o7777n).toString(8), uid, gid, mtimeNs };
    };
    expect(stat("d")).toEqual({ mode: "2775", uid: 1000n, gid: 1001n, mtimeNs: mtimeNanoseconds });
    expect(stat("d/suid")).toEqual({ mode: "6755", uid: 5n, gid: 6n, mtimeNs: mtimeNanoseconds });
    // by the group that a set-group-ID folder would have handed on
    expect(stat("d/plain")).toEqual({ mode: "640", uid: 0n, gid: 0n, mtimeNs: mtimeNanoseconds });
    expect(stat("d/link")).toMatchObject({ uid: 7n, gid: 8n, mtimeNs: mtimeNanoseconds });
    expect(lstatSync(join(layer, "d/hard")).ino).toBe(lstatSync(join(layer, "d/plain")).ino);
    expect(xattrsOf(join(layer, "d/capable"))).toEqual(["security.capability", "user.note"]);
  });

  test("later entries replace earlier ones, a folder stays a folder", async () => {
    const report = await unpack([
      { name: "a", body: "first" },
      { name: "a", body: "2nd" },
      { name: "d/" },
      { name: "d/x", body: "xx" },
      { name: "d/", mode: 0o700 },
      { name: "e/" },
      { name: "e/f", body: "gone" },
      { name: "e", type: "symlink", linkName: "d" },
      { name: "s", type: "symlink", linkName: "a" },
      { name: "s/" },
    ]);
    expect(report).toMatchObject({ type: "result", result: { sizeBytes: 3 + 2 + 1 } });
    expect(readFileSync(join(layer, "a"), "utf8")).toBe("2nd");
    expect(readdirSync(join(layer, "d"))).toEqual(["x"]);
    expect(lstatSync(join(layer, "d")).mode & 0o777).toBe(0o700);
    expect(readlinkSync(join(layer, "e"))).toBe("d");
    expect(lstatSync(join(layer, "s")).isDirectory()).toBe(true);
  });

  test("marks removed files and emptied folders as overlayfs does", async () => {
    await unpack([
      { name: "d/" },
      { name: "d/.wh.gone" },
      { name: "o/.wh..wh..opq" },
      { name: "o/kept", body: "" },
      { name: "both/", mode: 0o755 },
      { name: ".wh.both" },
      { name: ".wh.again" },
      { name: "again/" },
      { name: ".wh..wh.plnk/" },
    ]);
    const gone = lstatSync(join(layer, "d/gone"));
    expect([gone.isCharacterDevice(), gone.rdev]).toEqual([true, 0]);
    expect(readdirSync(layer).toSorted()).toEqual(["again", "both", "d", "o"]);
    for (const name of ["o", "both", "again"]) {
      expect(xattrsOf(join(layer, name))).toEqual(["trusted.overlay.opaque"]);
    }
  });

  test("deletes among the files of the layers below in merged form", async () => {
    mkdirSync(join(layer, "d/deep/er"), { recursive: true });
    mkdirSync(join(layer, "o/old"), { recursive: true });
    writeFileSync(join(layer, "o/a"), "");
    writeFileSync(join(layer, "stays"), "");
    await unpack(
      [
        { name: "d/.wh.deep" },
        { name: "o/new", body: "" },
        { name: "o/.wh..wh..opq" },
        { name: "fresh", body: "" },
        { name: ".wh.fresh" },
      ],
      "merged",
    );
    expect(readdirSync(layer).toSorted()).toEqual(["d", "fresh", "o", "stays"]);
    expect(readdirSync(join(layer, "d"))).toEqual([]);
    expect(readdirSync(join(layer, "o"))).toEqual(["new"]);
  });

  test("ends with its parent", async () => {
    const job = jobFor(await tarOf([{ name: "a" }]), "overlay");
    const fifo = join(root, "fifo");
    Bun.spawnSync(["mkfifo", fifo]);
    const parent = Bun.spawn(
      [
        process.execPath,
        "-e",
        PARENT,
        JSON.stringify([...SELF, "worker", "unpack"]),
        JSON.stringify({ ...job, blobPath: fifo }),
      ],
      { stdout: "pipe" },
    );
    const reader = parent.stdout.getReader();
    const { value } = await reader.read();
    const pid = Number(Buffer.from(value ?? []).toString());
    // opening the other end waits until the child has opened its own, and so is under way
    const writer = Bun.spawn(["sh", "-c", `exec 3>${fifo}; echo; read _`], {
      stdin: "pipe",
      stdout: "pipe",
    });
    await writer.stdout.getReader().read();
    expect(existsSync(`/proc/${pid}`)).toBe(true);
    const gone = Bun.spawn(["tail", "--pid", String(pid), "-s", "0.01", "-f", "/dev/null"]);
    parent.kill("SIGKILL");
    expect(await gone.exited).toBe(0);
    writer.kill("SIGKILL");
    await writer.exited;
  });
});

const PARENT = `
const [command, job] = process.argv.slice(1).map((text) => JSON.parse(text));
const child = Bun.spawn([...command, JSON.stringify({ ...job, parentPid: process.pid })]);
process.stdout.write(String(child.pid));
await child.exited;
`;

function xattrsOf(path: string): readonly string[] {
  const buffer = Buffer.alloc(1024);
  const length = listXattr(Buffer.from(`${path}\0`), buffer, buffer.length);
  return buffer.toString("latin1", 0, Number(length)).split("\0").slice(0, -1).toSorted();
}
