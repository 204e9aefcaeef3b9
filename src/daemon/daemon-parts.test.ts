import { describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { selfCommand } from "./self-command.ts";
import { readOrCreateEngineId } from "./engine-id.ts";
import { Logger } from "./logger.ts";
import { openPidFile } from "./pid-file.ts";
import { checkPrerequisites } from "./preflight.ts";

function folder(): string & Disposable {
  const path = mkdtempSync(join(tmpdir(), "wharf-daemon-"));
  return Object.assign(new String(path), {
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  }) as unknown as string & Disposable;
}

describe("readOrCreateEngineId()", () => {
  test("keeps the first id, and refuses a damaged file", () => {
    using root = folder();
    const first = "826d3be4-ac2c-4edc-8a1f-e6637b822511";
    expect(readOrCreateEngineId(`${root}`, () => first)).toBe(first);
    expect(readOrCreateEngineId(`${root}`, () => "another")).toBe(first);
    writeFileSync(join(`${root}`, "engine-id"), "nonsense");
    expect(() => readOrCreateEngineId(`${root}`, () => first)).toThrow("want a UUID");
  });
});

describe("openPidFile()", () => {
  test("takes a dead daemon's place, not a living one's", () => {
    using root = folder();
    const path = join(`${root}`, "deep", "pid");
    {
      using _file = openPidFile(path, 10, () => false);
      expect(readFileSync(path, "utf8")).toBe("10\n");
      expect(() => openPidFile(path, 11, () => true)).toThrow("process 10 runs with the pid file");
    }
    expect(() => readFileSync(path)).toThrow();
  });
});

describe("Logger", () => {
  test("writes logfmt lines from its level on", () => {
    const lines: string[] = [];
    const logger = new Logger({
      level: "warn",
      format: "text",
      nowMs: () => 0,
      write: (line) => lines.push(line),
    });
    logger.info("not this");
    logger.warn('a "word"', { container: "ab12", path: "/a b", none: undefined });
    logger.setLevel("debug");
    logger.debug("simple");
    expect(lines).toEqual([
      'time="1970-01-01T00:00:00.000Z" level=warning msg="a \\"word\\"" container=ab12 path="/a b"\n',
      'time="1970-01-01T00:00:00.000Z" level=debug msg=simple\n',
    ]);
  });

  test("writes JSON lines on request", () => {
    const lines: string[] = [];
    const logger = new Logger({
      level: "info",
      format: "json",
      nowMs: () => 0,
      write: (line) => lines.push(line),
    });
    logger.info("up", { port: 1 });
    expect(JSON.parse(lines.join(""))).toEqual({
      level: "info",
      msg: "up",
      port: 1,
      time: "1970-01-01T00:00:00.000Z",
    });
  });
});

describe("checkPrerequisites()", () => {
  test("wants root", () => {
    const host = { userId: 1000, searchPath: "/nowhere", hasOwnRuntime: false };
    expect(() => checkPrerequisites(host)).toThrow("it needs root");
  });
});

test("selfCommand() leaves out the script that is inside a compiled executable", () => {
  expect(selfCommand("/usr/bin/wharf", "/$bunfs/root/wharf")).toEqual(["/usr/bin/wharf"]);
  expect(selfCommand("/bun", "/src/main.ts")).toEqual(["/bun", "/src/main.ts"]);
});
