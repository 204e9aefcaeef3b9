import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { linkSync, mkdirSync, renameSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { NotFoundError } from "#base/errors.ts";
import { openScratch, type Scratch } from "#host/testing/scratch.ts";
import { openLinuxHost } from "./host.ts";

const host = await openLinuxHost();
const { files } = host;

let scratch: Scratch;

beforeEach(() => {
  scratch = openScratch(host);
});
afterEach(() => scratch[Symbol.dispose]());

describe("LinuxFiles", () => {
  test("lock() is held against other openings until it is disposed", async () => {
    const path = join(scratch.path, "lock");
    const held = files.lock(path);
    expect(held).toBeDefined();
    expect(files.lock(path)).toBeUndefined();
    const argv = ["/usr/bin/flock", "--nonblock", path, "/bin/true"];
    expect((await host.processes.run({ argv })).code).toBe(1);
    held?.[Symbol.dispose]();
    expect((await host.processes.run({ argv })).code).toBe(0);
    expect(() => files.lock(join(scratch.path, "none", "lock"))).toThrow(NotFoundError);
  });

  test("supportsOverlay() tries it, and leaves nothing", () => {
    const tmpfs = scratch.folder("tmpfs");
    host.mounts.tmpfs({ target: tmpfs });
    expect(files.supportsOverlay(tmpfs)).toBe(true);
    const mount = { lowerDirs: [scratch.folder("a"), scratch.folder("b")] };
    const overlay = scratch.folder("overlay");
    host.mounts.mountOverlay({ ...mount, target: overlay });
    expect(files.supportsOverlay(overlay)).toBe(false);
    expect(files.supportsOverlay("/proc")).toBe(false);
    expect(host.mounts.list(scratch.path)).toHaveLength(2);
    expect([files.fileSystemName(tmpfs), files.fileSystemName(overlay)]).toEqual([
      "tmpfs",
      "overlayfs",
    ]);
    expect(files.fileSystemName("/proc")).toBe("<unknown>");
  });

  test("watchDirectory() tells each name that is written and closed or moved in, and no other", async () => {
    const folder = scratch.folder("watched");
    const names: string[] = [];
    const { promise: last, resolve } = Promise.withResolvers<void>();
    const watch = files.watchDirectory(folder, (name) => {
      names.push(name);
      if (name === "last") resolve();
    });
    mkdirSync(join(folder, "folder"));
    for (let at = 0; at < 500; at += 1) writeFileSync(join(folder, `file ${at}`), "x");
    writeFileSync(join(scratch.path, "outside"), "");
    renameSync(join(scratch.path, "outside"), join(folder, "last"));
    await last;
    expect(names).toEqual([...Array.from({ length: 500 }, (_, at) => `file ${at}`), "last"]);
    const { openFiles } = host.system.ownUsage();
    watch[Symbol.dispose]();
    writeFileSync(join(folder, "late"), "");
    await new Promise((done) => setImmediate(done));
    expect(names).toHaveLength(501);
    expect(host.system.ownUsage().openFiles).toBeLessThan(openFiles);
    expect(() => files.watchDirectory(join(folder, "none"), () => {})).toThrow(NotFoundError);
  });

  test("watchDirectory() says when the kernel's queue ran over", async () => {
    const folder = scratch.folder("watched");
    const { promise: lost, resolve } = Promise.withResolvers<void>();
    using _ = files.watchDirectory(folder, () => {}, resolve);
    for (let at = 0; at < 16_500; at += 1) writeFileSync(join(folder, String(at % 2)), "");
    await lost;
  });

  test("diskUsage() counts as du does: hard links once, no other file system", async () => {
    const folder = scratch.folder("tree/sub");
    const file = join(folder, "file");
    writeFileSync(file, Buffer.alloc(10_000));
    linkSync(file, join(folder, "link"));
    symlinkSync("/etc", join(folder, "symlink"));
    const sparse = join(scratch.path, "tree", "sparse");
    writeFileSync(sparse, "");
    truncateSync(sparse, 1 << 30);
    for (let at = 0; at < 600; at += 1) writeFileSync(join(folder, `f${at}`), "1");
    const other = scratch.folder("tree/mounted");
    host.mounts.tmpfs({ target: other });
    writeFileSync(join(other, "big"), Buffer.alloc(1 << 20));
    const tree = join(scratch.path, "tree");
    const du = await host.processes.run({ argv: ["/usr/bin/du", "-sxB1", "--inodes", tree] });
    const blocks = await host.processes.run({ argv: ["/usr/bin/du", "-sxB1", tree] });
    const usage = await files.diskUsage(tree);
    expect(usage.bytes).toBe(Number.parseInt(blocks.stdout, 10));
    expect(usage.inodes).toBe(Number.parseInt(du.stdout, 10));
    expect(usage.apparentBytes).toBe(10_000 + "/etc".length + (1 << 30) + 600);
    expect(files.diskUsage(join(tree, "none"))).rejects.toThrow(NotFoundError);
  });

  test("spreadFolders() sets what lsattr shows as T, again and again, and only on ext", async () => {
    const folder = scratch.folder("spread");
    const isExt = files.fileSystemName(folder) === "extfs";
    expect(files.spreadFolders(folder)).toBe(isExt);
    expect(files.spreadFolders(folder)).toBe(isExt);
    const shown = await host.processes.run({ argv: ["/usr/bin/lsattr", "-d", folder] });
    expect(/^\S*T/.test(shown.stdout)).toBe(isExt);
    const other = scratch.folder("spread/mounted");
    host.mounts.tmpfs({ target: other });
    expect(files.spreadFolders(other)).toBe(false);
  });

  test("syncDirectory() takes a folder and says when there is none", () => {
    files.syncDirectory(scratch.path);
    expect(() => files.syncDirectory(join(scratch.path, "none"))).toThrow(NotFoundError);
  });
});
