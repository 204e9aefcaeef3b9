import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { ConflictError, NotFoundError } from "#base/errors.ts";
import type { Mounts } from "#host/mounts.ts";

export interface MountsSubject extends Disposable {
  readonly mounts: Mounts;
  /** A fresh folder `name`, with its parents. */
  folder(name: string): string;
  /** A path that does not exist. */
  missing(): string;
}

export function mountsContract(driver: string, open: () => MountsSubject): void {
  describe(`${driver} keeps the contract of Mounts:`, () => {
    let subject: MountsSubject;
    let mounts: Mounts;

    beforeEach(() => {
      subject = open();
      mounts = subject.mounts;
    });
    afterEach(() => subject[Symbol.dispose]());

    test("list() shows what is mounted at and below a folder, in mount order", () => {
      const root = subject.folder("root");
      const inner = subject.folder("root/b/inner");
      const other = subject.folder("rooted");
      mounts.tmpfs({ target: other });
      mounts.bind({ source: root, target: root });
      mounts.tmpfs({ target: inner, sizeBytes: 65536, mode: 0o700 });
      const targets = (below: string): string[] => mounts.list(below).map((m) => m.target);
      expect(targets(root)).toEqual([root, inner]);
      expect(targets(other)).toEqual([other]);
      expect(mounts.list().map((m) => m.target)).toContain(inner);
      expect(mounts.list(inner)[0]?.fsType).toBe("tmpfs");
    });

    test("unmount() says whether there was a mount, and takes the top one first", () => {
      const target = subject.folder("target");
      expect(mounts.unmount(target)).toBe(false);
      mounts.tmpfs({ target });
      mounts.tmpfs({ target });
      expect(mounts.list(target)).toHaveLength(2);
      expect(mounts.unmount(target)).toBe(true);
      expect(mounts.list(target)).toHaveLength(1);
      expect(mounts.unmount(target)).toBe(true);
      expect(mounts.unmount(target)).toBe(false);
      expect(mounts.unmount(subject.missing())).toBe(false);
    });

    test("unmount() refuses while something is mounted below, but for a lazy one", () => {
      const outer = subject.folder("outer");
      mounts.bind({ source: outer, target: outer });
      mounts.tmpfs({ target: subject.folder("outer/inner") });
      expect(() => mounts.unmount(outer)).toThrow(ConflictError);
      expect(mounts.unmount(outer, { lazy: true })).toBe(true);
      expect(mounts.list(outer)).toEqual([]);
    });

    test("detach() says whether there was a mount, which is gone at once", async () => {
      const target = subject.folder("target");
      expect(await mounts.detach(target)).toBe(false);
      expect(await mounts.detach(subject.missing())).toBe(false);
      mounts.tmpfs({ target });
      const detaching = mounts.detach(target);
      expect(mounts.list(target)).toEqual([]);
      expect(await detaching).toBe(true);
    });

    test("mountOverlay() shows its layers in the options of the superblock", () => {
      const [lower, upper, work] = ["lower", "upper", "work"].map((name) => subject.folder(name));
      const target = subject.folder("target");
      mounts.mountOverlay({
        target,
        lowerDirs: [lower ?? ""],
        upperDir: upper ?? "",
        workDir: work ?? "",
      });
      const options = mounts.list(target)[0]?.superOptions ?? [];
      expect(options).toContain(`upperdir=${upper}`);
      expect(options).toContain(`workdir=${work}`);
      expect(
        options.some((each) => each.startsWith("lowerdir") && each.endsWith(`=${lower}`)),
      ).toBe(true);
    });

    test("a mount of or on what is not there is not-found", () => {
      const there = subject.folder("there");
      const other = subject.folder("other");
      const missing = subject.missing();
      expect(() => mounts.bind({ source: missing, target: there })).toThrow(NotFoundError);
      expect(() => mounts.tmpfs({ target: missing })).toThrow(NotFoundError);
      expect(() => mounts.mountOverlay({ target: missing, lowerDirs: [there, other] })).toThrow(
        NotFoundError,
      );
    });
  });
}
