// What containers write: kept as Docker keeps it, bounded, whole whatever becomes of the engine or the disk.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { startEngine, type TestEngine } from "../../harness/engine.ts";
import { waitUntil } from "../../harness/wait-until.ts";

const MEBIBYTE = 1024 * 1024;
const count = (lines: number, pause = ":"): string =>
  `i=0; while [ $i -lt ${lines} ]; do echo line $i; i=$((i+1)); ${pause}; done`;
const texts = (from: number, to: number): string =>
  Array.from({ length: to - from }, (_, i) => `line ${from + i}\n`).join("");

let engine: TestEngine;
beforeAll(async () => {
  engine = await startEngine();
});
afterAll(async () => await engine[Symbol.asyncDispose]());

const run = (...args: readonly string[]): Promise<string> =>
  engine.mustDocker("run", "-d", ...args);
const logs = async (name: string, ...args: readonly string[]): Promise<string> =>
  (await engine.docker(["logs", ...args, name])).stdout;

/** Sizes of all that is in the container's folder. */
function folderBytes(of: TestEngine, id: string): number {
  const folder = join(of.root, "data/containers", id);
  return readdirSync(folder)
    .map((name) => statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0)
    .reduce((sum, size) => sum + size, 0);
}

function logFiles(id: string): readonly string[] {
  const folder = join(engine.root, "data/containers", id);
  const name = `${id}-json.log`;
  const numbers = readdirSync(folder)
    .filter((file) => file.startsWith(`${name}.`))
    .map((file) => Number(file.slice(name.length + 1)))
    .sort((left, right) => right - left);
  return [...numbers.map((number) => join(folder, `${name}.${number}`)), join(folder, name)];
}

describe("the log of a container", () => {
  test("is whole, each line once, though the engine is killed again and again", async () => {
    const options = ["--log-opt", "max-size=1m", "--log-opt", "max-file=99"];
    const id = await run("--name", "counter", ...options, "busybox", "sh", "-c", count(60_000));
    for (let kill = 1; kill <= 3; kill++) {
      await waitUntil("the log grows", () => folderBytes(engine, id) > kill * MEBIBYTE);
      await engine.crash();
      await engine.start();
    }
    expect(await engine.mustDocker("wait", "counter")).toBe("0");
    expect(await logs("counter")).toBe(texts(0, 60_000));
    const lines = logFiles(id).flatMap((file) => readFileSync(file, "utf8").trimEnd().split("\n"));
    const entries = lines.map(
      (line) => JSON.parse(line) as { log: string; stream: string; time: string },
    );
    expect(entries.map(({ log }) => log).join("")).toBe(texts(0, 60_000));
    expect(Object.keys(entries[0] ?? {})).toEqual(["log", "stream", "time"]);
    expect(await engine.mustDocker("inspect", "-f", "{{.LogPath}}", "counter")).toBe(
      join(engine.root, "data/containers", id, `${id}-json.log`),
    );
  }, 60_000);

  test("does not fill the disk, with an engine or without", async () => {
    const options = ["--log-opt", "max-size=1m", "--log-opt", "max-file=2"];
    const id = await run(
      "--name",
      "flood",
      ...options,
      "busybox",
      "sh",
      "-c",
      "yes 0123456789012345678901234567890123456789",
    );
    const spool = join(engine.root, "data/containers", id, "container.log");
    await waitUntil("much was written", () => existsSync(`${spool}.00000004`), 30_000);
    expect(folderBytes(engine, id)).toBeLessThan(40 * MEBIBYTE);
    await engine.crash();
    const before = statSync(spool).ino;
    let most = 0;
    await waitUntil(
      "conmon begins anew",
      () => {
        most = Math.max(most, folderBytes(engine, id));
        return statSync(spool, { throwIfNoEntry: false })?.ino !== before;
      },
      30_000,
    );
    expect(most).toBeLessThan((64 + 40) * MEBIBYTE);
    await engine.start();
    await waitUntil(
      "the engine has caught up",
      () => folderBytes(engine, id) < 40 * MEBIBYTE,
      30_000,
    );
    expect((await logs("flood", "--tail", "2")).split("\n")).toHaveLength(3);
    await engine.mustDocker("rm", "-f", "flood");
    expect(existsSync(join(engine.root, "data/containers", id))).toBe(false);
  }, 60_000);

  test("is followed while its files change, and read by time, tail and details", async () => {
    const options = [
      "--log-opt",
      "max-size=2k",
      "--log-opt",
      "max-file=3",
      "--log-opt",
      "compress=true",
    ];
    await run(
      "--name",
      "small",
      "-l",
      "tier=front",
      "--log-opt",
      "labels=tier",
      "-i",
      ...options,
      "busybox",
      "sh",
      "-c",
      `read go; ${count(300, "usleep 2000")}`,
    );
    const following = logs("small", "-f");
    const attached = engine.docker(["attach", "small"], { input: "go\n" });
    expect(await following).toBe(texts(0, 300));
    await attached;
    expect(await logs("small", "--tail", "50")).toBe(texts(250, 300));
    const stamped = (await logs("small", "-t", "--tail", "20")).trimEnd().split("\n");
    // What conmon reads at once has one time.
    const time = stamped[10]?.split(" ")[0] ?? "";
    const texted = (chosen: (at: string) => boolean): string =>
      stamped
        .filter((line) => chosen(line.split(" ")[0] ?? ""))
        .map((line) => `${line.split(" ").slice(1).join(" ")}\n`)
        .join("");
    expect(await logs("small", "--since", time)).toBe(texted((at) => at >= time));
    expect(await logs("small", "--until", time)).toEndWith(texted((at) => at <= time));
    expect(await logs("small", "--details", "--tail", "1")).toBe("tier=front line 299\n");
  }, 30_000);

  test("of `local` and of `none`", async () => {
    await engine.mustDocker(
      "run",
      "--name",
      "local",
      "--log-driver",
      "local",
      "busybox",
      "echo",
      "kept",
    );
    expect(await logs("local")).toBe("kept\n");
    expect(await engine.mustDocker("inspect", "-f", "[{{.LogPath}}]", "local")).toBe("[]");
    await engine.mustDocker(
      "run",
      "--name",
      "none",
      "--log-driver",
      "none",
      "busybox",
      "echo",
      "gone",
    );
    const refused = await engine.docker(["logs", "none"]);
    expect(refused.stderr).toContain("configured logging driver does not support reading");
    const wrong = await engine.docker(["create", "--log-opt", "nosuch=1", "busybox"]);
    expect(wrong.stderr).toContain("unknown log opt 'nosuch' for json-file log driver");
  });
});
