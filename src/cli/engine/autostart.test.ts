import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { unreachableError } from "#client/error-response.ts";
import { failureOf } from "#client/testing/failure.ts";
import { type StartSettings, startEngine } from "./autostart.ts";
import { TestCli } from "#cli/testing/test-cli.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(`${tmpdir()}/wharf-start-`);
});
afterEach(() => rmSync(folder, { recursive: true }));

const absent = unreachableError("unix:///x", Object.assign(new TypeError(), { code: "ENOENT" }));

/** A program that stands for the engine. */
function settings(script: string): StartSettings {
  writeFileSync(`${folder}/engine.ts`, script);
  return {
    command: [process.execPath, `${folder}/engine.ts`],
    logPath: `${folder}/engine.log`,
    isRoot: true,
  };
}

class LiveCli extends TestCli {
  override now(): Date {
    return new Date();
  }
}

test("startEngine() starts the engine, waits until it listens, and says so", async () => {
  const cli = new LiveCli();
  const path = `${folder}/x.sock`;
  const script = `
    const [, , verb, flag, host] = process.argv;
    console.log(verb, flag, host, process.pid);
    Bun.listen({ unix: host.slice("unix://".length), socket: { open() {}, data() {} } });
  `;
  await startEngine(cli, path, absent, settings(script));
  expect(cli.errors.text).toStartWith(
    `Starting the engine: wharf daemon (log: ${folder}/engine.log;`,
  );
  const [verb, flag, host, pid] = readFileSync(`${folder}/engine.log`, "utf8").trim().split(" ");
  expect([verb, flag, host]).toEqual(["daemon", "--host", `unix://${path}`]);
  process.kill(Number(pid));
});

test("startEngine() names the log when the engine ends at once", async () => {
  const failure = await failureOf(
    startEngine(new LiveCli(), `${folder}/x.sock`, absent, settings("process.exit(3)")),
  );
  expect(failure.message).toBe(
    `Cannot start the engine: it ended with exit code 3; see ${folder}/engine.log`,
  );
});

test("startEngine() leaves it when it may not, is told not to, or somebody is there", async () => {
  const own = settings("");
  const refused = async (cli: TestCli, failure: unknown, how: StartSettings): Promise<string> =>
    (await failureOf(startEngine(cli, `${folder}/x.sock`, failure, how))).message;
  expect(await refused(new TestCli({ env: { WHARF_AUTOSTART: "0" } }), absent, own)).toBe(
    absent.message,
  );
  expect(await refused(new TestCli(), absent, { ...own, isRoot: false })).toBe(absent.message);
  const denied = unreachableError("unix:///x", Object.assign(new TypeError(), { code: "EACCES" }));
  expect(await refused(new TestCli(), denied, own)).toBe(denied.message);
});
