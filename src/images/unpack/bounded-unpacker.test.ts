import { expect, test } from "bun:test";
import { deferred } from "#base/async.ts";
import { boundedUnpacker } from "./bounded-unpacker.ts";
import type { LayerUnpacker, UnpackRequest } from "./process-unpacker.ts";

const NEVER = new AbortController().signal;

test("boundedUnpacker() lets the next begin when one has ended, also by a failure", async () => {
  const begun: string[] = [];
  const ends = new Map<string, (error: Error) => void>();
  const inner: LayerUnpacker = {
    unpack: async ({ blobPath }) => {
      begun.push(blobPath);
      const end = deferred<never>();
      ends.set(blobPath, end.reject);
      return await end.promise;
    },
  };
  const bounded = boundedUnpacker(inner, 2);
  const unpack = async (blobPath: string, signal = NEVER): Promise<unknown> =>
    await bounded
      .unpack({ blobPath, directory: "/", form: "overlay" } as UnpackRequest, signal)
      .catch((error: unknown) => error);
  const leaving = new AbortController();
  const all = ["a", "b"].map(async (path) => await unpack(path));
  const left = unpack("c", leaving.signal);
  const last = unpack("d");
  await Promise.resolve();
  expect(begun).toEqual(["a", "b"]);
  leaving.abort(new Error("gone"));
  expect(await left).toEqual(new Error("gone"));
  const failure = new Error("damaged");
  ends.get("a")?.(failure);
  expect(await all[0]).toBe(failure);
  expect(begun).toEqual(["a", "b", "d"]);
  ends.get("b")?.(failure);
  ends.get("d")?.(failure);
  expect(await Promise.all([...all, last])).toEqual([failure, failure, failure]);
});
