import { afterEach, beforeEach, expect, test } from "bun:test";
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { isWritable, waitUntilWritable, writeOnce } from "./descriptors.ts";
import { EINTR, type Libc, libc } from "./libc.ts";

const { O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;
let folder = "";
let reader = -1;
let writer = -1;
beforeEach(() => {
  folder = mkdtempSync(`${tmpdir()}/wharf-descriptors-`);
  const fifo = `${folder}/fifo`;
  expect(Bun.spawnSync(["mkfifo", fifo]).exitCode).toBe(0);
  reader = openSync(fifo, O_RDONLY | O_NONBLOCK);
  writer = openSync(fifo, O_WRONLY | O_NONBLOCK);
});
afterEach(() => {
  closeSync(writer);
  if (reader >= 0) closeSync(reader);
  rmSync(folder, { recursive: true });
});

/** The real library, but `name` fails as often as there are numbers. */
function interrupting(name: "write" | "poll", errnos: number[]): Libc {
  const real = libc();
  let failed: number | undefined;
  const fails = (): boolean => {
    failed = errnos.shift();
    return failed !== undefined;
  };
  const write: Libc["call"]["write"] = (...words) =>
    name === "write" && fails() ? -1 : real.call.write(...words);
  const poll: Libc["call"]["poll"] = (...words) =>
    name === "poll" && fails() ? -1 : real.call.poll(...words);
  return { call: { ...real.call, write, poll }, errno: () => failed ?? real.errno() };
}

test("writeOnce() tells of a short write, a full pipe, and one whose reader has gone", () => {
  const large = new Uint8Array(1024 * 1024);
  const first = writeOnce(writer, large);
  if (first.kind !== "written") throw new TypeError(`not written: ${first.kind}`);
  expect(first.bytes).toBeGreaterThan(0);
  expect(first.bytes).toBeLessThan(large.length);
  expect(isWritable(writer)).toBe(false);
  expect(writeOnce(writer, large)).toEqual({ kind: "full" });
  readSync(reader, new Uint8Array(first.bytes));
  waitUntilWritable(writer);
  expect(isWritable(writer)).toBe(true);
  closeSync(reader);
  reader = -1;
  expect(isWritable(writer)).toBe(true); // a write fails at once
  expect(writeOnce(writer, large)).toEqual({ kind: "broken-pipe" });
});

test("writeOnce() begins again after a signal, from where its bytes begin", () => {
  const bytes = new TextEncoder().encode("-signal").subarray(1);
  const library = interrupting("write", [EINTR, EINTR]);
  expect(writeOnce(writer, bytes, library)).toEqual({ kind: "written", bytes: 6 });
  const read = new Uint8Array(10);
  expect(new TextDecoder().decode(read.subarray(0, readSync(reader, read)))).toBe("signal");
});

test("writeOnce() throws all other failures as node:fs words them", () => {
  expect(() => writeOnce(9999, new Uint8Array(1))).toThrow("EBADF: bad file descriptor, write");
  const full = openSync("/dev/full", "w");
  try {
    expect(() => writeOnce(full, new Uint8Array(1))).toThrow("ENOSPC");
  } finally {
    closeSync(full);
  }
});

test("waitUntilWritable() goes on waiting after a signal", () => {
  const errnos = [EINTR, EINTR];
  waitUntilWritable(writer, interrupting("poll", errnos));
  expect(errnos).toEqual([]);
});
