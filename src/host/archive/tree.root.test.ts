import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { lstatSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { WharfError } from "#base/errors.ts";
import { tarHeader, type TarEntryType } from "#base/tar/header.ts";
import { TarPushParser } from "#base/tar/push-parser.ts";
import { encodeTarHeader, tarTrailer } from "#base/tar/writer.ts";
import { packTree } from "./pack-tree.ts";
import { openArchiveSyscalls } from "./syscalls.ts";
import { TreeWriter } from "./write-tree.ts";

const SEED = 20_260_722;
const syscalls = openArchiveSyscalls();
let root = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "wharf-tree-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function unpack(tar: Uint8Array, directory: string): void {
  const writer = new TreeWriter({ syscalls, directory, keepsKinds: true, owner: "archived" });
  try {
    const parser = new TarPushParser(writer);
    parser.push(Buffer.from(tar));
    parser.finish();
    writer.finish();
  } finally {
    writer.close();
  }
}

function pack(directory: string): Buffer {
  const chunks: Buffer[] = [];
  const tree = { path: Buffer.from(directory), name: Buffer.alloc(0), isContentOnly: true };
  for (const chunk of packTree(tree, { syscalls, reusesBuffer: true })) {
    chunks.push(Buffer.from(chunk));
  }
  return Buffer.concat(chunks);
}

const part = fc.constantFrom("a", "b", "c", "..", ".", "", "é", "x".repeat(120), ".wh.a");
const path = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("/"));
const kinds: readonly TarEntryType[] = ["file", "directory", "symlink", "hardlink", "fifo"];
const member = fc.record({
  name: path.filter((name) => name !== ""),
  type: fc.constantFrom(...kinds),
  linkName: path,
  isAbsolute: fc.boolean(),
  body: fc.string({ maxLength: 20 }),
  mode: fc.integer({ min: 0o600, max: 0o7777 }),
  uid: fc.constantFrom(0, 1000, 2 ** 21 + 1),
});

function open(): { readonly names: readonly string[] } {
  return { names: [...new Bun.Glob("*").scanSync({ cwd: "/proc/self/fd", onlyFiles: false })] };
}

describe("TreeWriter and packTree()", () => {
  test("names that lead out are refused, what was written comes back the same, nothing stays open", () => {
    const canary = join(root, "canary");
    writeFileSync(canary, "alive");
    let run = 0;
    const before = open().names.length;
    fc.assert(
      fc.property(fc.array(member, { maxLength: 12 }), (members) => {
        const folder = join(root, String(run++));
        const first = join(folder, "one/deep");
        const second = join(folder, "two/deep");
        mkdirSync(first, { recursive: true });
        mkdirSync(second, { recursive: true });
        const tar = Buffer.concat([
          ...members.flatMap(({ body, isAbsolute, ...fields }) => {
            const bytes = Buffer.from(fields.type === "file" ? body : "");
            // a link of an archive that leads out is the container's own matter: here it would be the host's
            const linkName = fields.type === "symlink" ? "a" : fields.linkName;
            const name = isAbsolute ? `/${fields.name}` : fields.name;
            return [
              encodeTarHeader(tarHeader({ ...fields, name, linkName, sizeBytes: bytes.length })),
              bytes,
              new Uint8Array((512 - (bytes.length % 512)) % 512),
            ];
          }),
          tarTrailer(),
        ]);
        try {
          unpack(tar, first);
        } catch (error) {
          expect(error).toBeInstanceOf(WharfError);
        }
        expect(readFileSync(canary, "utf8")).toBe("alive");
        expect(lstatSync(join(folder, "one")).isDirectory()).toBe(true);
        expect([
          ...new Bun.Glob("*").scanSync({ cwd: join(folder, "one"), onlyFiles: false }),
        ]).toEqual(["deep"]);
        const packed = pack(first);
        unpack(packed, second);
        expect(pack(second).equals(packed)).toBe(true);
      }),
      { seed: SEED, numRuns: 120 },
    );
    expect(open().names.length).toBe(before);
  });

  test("a file that shrinks or grows while it is packed keeps the size that it began with", () => {
    const file = join(root, "f");
    writeFileSync(file, Buffer.alloc(3 * 1024 * 1024, 1));
    const chunks: Buffer[] = [];
    const tree = { path: Buffer.from(file), name: Buffer.from("f") };
    for (const chunk of packTree(tree, { syscalls, reusesBuffer: true })) {
      chunks.push(Buffer.from(chunk));
      writeFileSync(file, "short");
    }
    const folder = join(root, "out");
    mkdirSync(folder);
    unpack(Buffer.concat(chunks), folder);
    expect(lstatSync(join(folder, "f")).size).toBe(3 * 1024 * 1024);
  });
});
