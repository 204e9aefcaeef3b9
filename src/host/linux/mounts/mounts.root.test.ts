import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  FailedPreconditionError,
  InvalidArgumentError,
  ResourceExhaustedError,
} from "#base/errors.ts";
import { openScratch, type Scratch } from "#host/testing/scratch.ts";
import { openLibc } from "#host/linux/ffi/libc.ts";
import { LinuxMounts } from "./mounts.ts";
import { OverlayMounter } from "./overlay.ts";
import { JsThread } from "#host/linux/thread.ts";

const libc = openLibc();
const thread = new JsThread({ libc });
const mounts = new LinuxMounts({ libc, thread });

let scratch: Scratch;

beforeEach(() => {
  scratch = openScratch({ mounts });
});
afterEach(() => scratch[Symbol.dispose]());

/** Folders `<prefix>0` to `<prefix>N`, each with a file of its name. */
function layers(count: number, prefix: string): string[] {
  return Array.from({ length: count }, (_, at) => {
    const folder = scratch.folder(`${prefix}${at}`);
    writeFileSync(join(folder, `file${at}`), String(at));
    return folder;
  });
}

describe.each([
  ["layer by layer", true],
  ["by mount(2)", false],
] as const)("OverlayMounter %s", (_, kernelAddsLayers) => {
  const overlay = new OverlayMounter({ libc, thread, kernelAddsLayers });

  test("shows all layers, the first on top, and writes to the upper one", () => {
    const lowerDirs = layers(3, "layer");
    writeFileSync(join(lowerDirs[0] ?? "", "file2"), "above");
    const [upperDir, workDir, target] = ["upper", "work", "target"].map((n) => scratch.folder(n));
    overlay.mount({
      lowerDirs,
      upperDir: upperDir ?? "",
      workDir: workDir ?? "",
      target: target ?? "",
    });
    expect(readdirSync(target ?? "").sort()).toEqual(["file0", "file1", "file2"]);
    expect(readFileSync(join(target ?? "", "file2"), "utf8")).toBe("above");
    writeFileSync(join(target ?? "", "new"), "");
    expect(existsSync(join(upperDir ?? "", "new"))).toBe(true);
  });

  test("takes 120 layers, a read-only view of them, and options", () => {
    const target = scratch.folder("target");
    overlay.mount({ lowerDirs: layers(120, "layer"), target, options: ["xino=off"] });
    expect(readdirSync(target)).toHaveLength(120);
    expect(() => writeFileSync(join(target, "new"), "")).toThrow();
    expect(process.cwd()).toBe(readFileCwd());
  });

  test("takes paths with colon, comma, backslash, blank and more than 255 bytes", () => {
    const odd = layers(2, "a:b,c\\d e ");
    const long = layers(1, `${"x".repeat(120)}/${"y".repeat(120)}/`);
    const target = scratch.folder("target: 1,2");
    overlay.mount({ lowerDirs: [...odd, ...long], target });
    expect(readdirSync(target).sort()).toEqual(["file0", "file1"]);
    expect(mounts.list(target)).toHaveLength(1);
  });

  test("says what was wrong", () => {
    const [lower = ""] = layers(1, "layer");
    const target = scratch.folder("target");
    expect(() => overlay.mount({ lowerDirs: [], target })).toThrow(InvalidArgumentError);
    const tooMany = Array.from({ length: 501 }, () => lower);
    expect(() => overlay.mount({ lowerDirs: tooMany, target })).toThrow(InvalidArgumentError);
    const bogus = { lowerDirs: [lower, lower], target, options: ["bogus"] };
    expect(() => overlay.mount(bogus)).toThrow(FailedPreconditionError);
    expect(mounts.list(target)).toEqual([]);
  });
});

describe("OverlayMounter", () => {
  test("mount(2) cannot take what does not fit a page even in short", () => {
    const overlay = new OverlayMounter({ libc, thread, kernelAddsLayers: false });
    const lowerDirs = layers(30, "z".repeat(180));
    const target = scratch.folder("target");
    expect(() => overlay.mount({ lowerDirs, target })).toThrow(ResourceExhaustedError);
  });
});

describe("LinuxMounts", () => {
  test("bind() read-only keeps the flags that the source has, below it too", () => {
    const source = scratch.folder("source");
    mounts.tmpfs({ target: source, options: ["nosuid", "nodev", "noexec"] });
    const inner = scratch.folder("source/inner");
    mounts.tmpfs({ target: inner });
    const target = scratch.folder("target");
    mounts.bind({ source, target, recursive: true, readOnly: true });
    const [outside, inside] = mounts.list(target);
    expect(outside?.options).toEqual(expect.arrayContaining(["ro", "nosuid", "nodev", "noexec"]));
    expect(inside?.options).toContain("ro");
    expect(mounts.list(source)[0]?.options).toContain("rw");
  });

  test("mount() takes the words of mount(8): flags, data and propagation", () => {
    const target = scratch.folder("target");
    const options = ["size=64k", "mode=711", "nosuid", "noatime", "ro", "rw", "rshared"];
    mounts.mount({ type: "tmpfs", device: "none", target, options });
    const [mount] = mounts.list(target);
    expect(mount?.options).toEqual(["rw", "nosuid", "noatime"]);
    expect(mount?.superOptions).toEqual(expect.arrayContaining(["size=64k", "mode=711"]));
    expect(readFileSync("/proc/self/mountinfo", "utf8")).toMatch(
      new RegExp(` ${target} .* shared:\\d+ - tmpfs`),
    );
    const bound = scratch.folder("bound");
    mounts.mount({ type: "none", device: target, target: bound, options: ["rbind", "ro"] });
    expect(mounts.list(bound)[0]?.options).toEqual(["ro", "nosuid", "noatime"]);
    mounts.unmount(bound);
    const flags = ["bind", "noexec", "nodev"];
    mounts.mount({ type: "none", device: target, target: bound, options: flags });
    expect(mounts.list(bound)[0]?.options).toEqual(["rw", "nosuid", "nodev", "noexec", "noatime"]);
  });

  test("a failing second step takes the mount away again", () => {
    const source = scratch.folder("source");
    const target = scratch.folder("target");
    const wrong = "sideways" as "private";
    expect(() => mounts.bind({ source, target, propagation: wrong })).toThrow();
    expect(mounts.list(target)).toEqual([]);
  });

  test("an unknown file system type is named", () => {
    const target = scratch.folder("target");
    const mount = (): void =>
      mounts.mount({ type: "nosuchfs", device: "none", target, options: [] });
    expect(mount).toThrow(/Cannot mount nosuchfs "none" on .*no such device \(ENODEV\)/);
  });

  test("detach() frees the mount when it resolves, without holding up the event loop", async () => {
    const [lower = ""] = layers(1, "layer");
    const [upperDir, workDir, target] = ["upper", "work", "target"].map((n) => scratch.folder(n));
    const overlay = {
      lowerDirs: [lower],
      upperDir: upperDir ?? "",
      workDir: workDir ?? "",
      target: target ?? "",
    };
    mounts.mountOverlay(overlay);
    writeFileSync(join(overlay.target, "dirty"), Buffer.alloc(8 << 20, 1));
    expect(await mounts.detach(overlay.target)).toBe(true);
    expect(existsSync(join(overlay.target, "dirty"))).toBe(false);
    mounts.mountOverlay(overlay);
    expect(existsSync(join(overlay.target, "dirty"))).toBe(true);
  });
});

function readFileCwd(): string {
  return Bun.spawnSync(["/bin/pwd"]).stdout.toString().trim();
}
