import { afterEach, beforeEach, expect, test } from "bun:test";
import { closeSync, constants, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { BrokenPipeError, FdOutput } from "./streams.ts";

const { O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;
/** More than a pipe holds. */
const large = new Uint8Array(1024 * 1024).fill(97);
let folder = "";
let fifo = "";
let holder = -1;
let writer = -1;
beforeEach(() => {
  folder = mkdtempSync(`${tmpdir()}/wharf-streams-`);
  fifo = `${folder}/fifo`;
  expect(Bun.spawnSync(["mkfifo", fifo]).exitCode).toBe(0);
  holder = openSync(fifo, O_RDONLY | O_NONBLOCK); // without a reader, no writer may open it
  writer = openSync(fifo, O_WRONLY | O_NONBLOCK);
});
afterEach(() => {
  if (writer >= 0) closeSync(writer);
  if (holder >= 0) closeSync(holder);
  rmSync(folder, { recursive: true });
});

/** A process that reads all that is written; gives the count of bytes at the end. */
function startReader(): { readonly count: Promise<number> } {
  const reader = Bun.spawn(["sh", "-c", `wc -c < ${fifo}`], { stdout: "pipe" });
  return { count: new Response(reader.stdout).text().then(Number) };
}

test("FdOutput.write() waits for the reader of a pipe that another process made non-blocking", async () => {
  const { count } = startReader();
  new FdOutput(writer).write(large);
  closeSync(writer);
  writer = -1;
  expect(await count).toBe(large.length);
});

test("FdOutput.pump() passes on short and long pieces in their order", async () => {
  const { count } = startReader();
  const output = new FdOutput(writer);
  for (const length of [0, 1, 4096, 4097, large.length, 3]) {
    await output.pump(large.subarray(0, length));
  }
  closeSync(writer);
  writer = -1;
  expect(await count).toBe(1 + 4096 + 4097 + large.length + 3);
});

test("FdOutput ends by BrokenPipeError where the reader has gone", async () => {
  closeSync(holder);
  holder = -1;
  const output = new FdOutput(writer);
  expect(() => output.write("text")).toThrow(BrokenPipeError);
  await expect(output.pump(large.subarray(0, 1))).rejects.toBeInstanceOf(BrokenPipeError);
  await expect(output.pump(large)).rejects.toBeInstanceOf(BrokenPipeError);
});
