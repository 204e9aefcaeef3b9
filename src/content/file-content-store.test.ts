import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { messageOf } from "#base/errors.ts";
import { type Digest, digestOf } from "#spec/digest.ts";
import type { ContentStore } from "./content.ts";
import { openFileContentStore } from "./file-content-store.ts";

const never = new AbortController().signal;
let directory = "";
let store: ContentStore;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "wharf-content-"));
  store = openFileContentStore({ directory });
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

async function* bytes(...texts: readonly string[]): AsyncIterable<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}

/** Message of the error that `work` rejects with. */
async function failure(work: Promise<unknown>): Promise<string> {
  return await work.then(
    () => "",
    (error: unknown) => messageOf(error),
  );
}

function ingesting(): readonly string[] {
  return readdirSync(join(directory, "ingest"));
}

describe("ingest()", () => {
  test("names a blob by its digest and gives its bytes back", async () => {
    const info = await store.ingest(bytes("he", "", "llo"), {}, never);
    expect(info).toEqual({ digest: digestOf("hello"), sizeBytes: 5 });
    expect(Buffer.from(await store.readBytes(info.digest, 5)).toString()).toBe("hello");
    expect(store.list()).toEqual([info]);
    expect(ingesting()).toEqual([]);
  });

  test("verifies a sha512 digest", async () => {
    const digest = digestOf("hello", "sha512");
    const info = await store.ingest(bytes("hello"), { digest, sizeBytes: 5 }, never);
    expect(info.digest).toBe(digest);
  });

  test.each([
    ["wrong digest", { digest: digestOf("other") }, "expected sha256:"],
    ["fewer bytes than announced", { sizeBytes: 6 }, "5 bytes came, 6 were announced"],
    ["more bytes than announced", { sizeBytes: 4 }, "more than the 4 bytes"],
    ["over the limit", { maxSizeBytes: 3 }, "over the limit of 3 bytes"],
  ])("refuses %s and leaves nothing", async (_name, expected, message) => {
    expect(await failure(store.ingest(bytes("hello"), expected, never))).toContain(message);
    expect(store.list()).toEqual([]);
    expect(ingesting()).toEqual([]);
  });

  test("an abort leaves nothing", async () => {
    const controller = new AbortController();
    async function* source(): AsyncIterable<Uint8Array> {
      yield Buffer.from("x");
      controller.abort();
      yield Buffer.from("y");
    }
    expect(await failure(store.ingest(source(), {}, controller.signal))).not.toBe("");
    expect(store.list()).toEqual([]);
    expect(ingesting()).toEqual([]);
  });

  test("a failing source leaves nothing and its error goes through", async () => {
    async function* source(): AsyncIterable<Uint8Array> {
      yield Buffer.from("x");
      throw new Error("connection reset");
    }
    expect(await failure(store.ingest(source(), {}, never))).toContain("connection reset");
    expect(ingesting()).toEqual([]);
  });

  test("keeps one blob of many ingests of the same bytes at once", async () => {
    const expected = { digest: digestOf("hello") };
    const all = await Promise.all(
      Array.from({ length: 8 }, () => store.ingest(bytes("hel", "lo"), expected, never)),
    );
    expect(new Set(all.map((info) => info.digest)).size).toBe(1);
    expect(store.list().length).toBe(1);
    expect(ingesting()).toEqual([]);
  });
});

describe("collect()", () => {
  test("removes what neither a record nor a lease names", async () => {
    using lease = store.lease();
    const leased = await store.ingest(bytes("leased"), { lease }, never);
    const named = await store.ingest(bytes("named"), {}, never);
    await store.ingest(bytes("nobody's"), {}, never);
    const isNamed = (digest: Digest): boolean => digest === named.digest;
    expect(await store.collect(isNamed)).toEqual({ freedBytes: 8 });
    expect(
      store
        .list()
        .map((info) => info.digest)
        .toSorted(),
    ).toEqual([leased.digest, named.digest].toSorted());
    lease[Symbol.dispose]();
    await store.collect(isNamed);
    expect(store.list()).toEqual([named]);
  });

  test("a digest that two leases hold stays until both are gone", async () => {
    const first = store.lease();
    const second = store.lease();
    const { digest } = await store.ingest(bytes("x"), { lease: first }, never);
    second.add(digest);
    first[Symbol.dispose]();
    first[Symbol.dispose]();
    await store.collect(() => false);
    expect(store.info(digest)).toBeDefined();
    second[Symbol.dispose]();
    await store.collect(() => false);
    expect(store.info(digest)).toBeUndefined();
  });
});

test("openFileContentStore() removes abandoned ingests", () => {
  writeFileSync(join(directory, "ingest", "1"), "half");
  openFileContentStore({ directory });
  expect(ingesting()).toEqual([]);
});

test("read() of an unknown digest says so", async () => {
  expect(await failure(store.readBytes(digestOf("?"), 1))).toContain("not in the content store");
  expect(await failure(Array.fromAsync(store.read(digestOf("?"))))).toContain(
    "not in the content store",
  );
});
