// A user watches a build: on a terminal that is resized, by a script, and gives it up.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startEngine, type TestEngine, WHARF } from "../../harness/engine.ts";
import { TerminalSession } from "../../harness/terminal.ts";
import { waitUntil } from "../../harness/wait-until.ts";

let engine: TestEngine;
let next = 1;

beforeAll(async () => {
  engine = await startEngine();
});

afterAll(async () => {
  await engine[Symbol.asyncDispose]();
});

function folderOf(dockerfile: string): string {
  const folder = join(engine.root, `context-${next++}`);
  mkdirSync(folder);
  writeFileSync(join(folder, "Dockerfile"), dockerfile);
  return folder;
}

async function processes(): Promise<string> {
  return await new Response(Bun.spawn(["ps", "-eo", "args"]).stdout).text();
}

/** Lines as they were written, without what moves the cursor. */
function plain(screen: string): string {
  return screen.replaceAll(/\u001b\[[0-9;?]*[A-Za-z]/g, "").replaceAll("\r", "");
}

test("a terminal shows steps and what they say, redrawn in windows of every width", async () => {
  const folder = folderOf(
    "FROM busybox\nRUN echo a line that is rather long for a narrow window; sleep 2\n",
  );
  await using session = new TerminalSession([WHARF, "build", "-t", "seen", folder], {
    env: engine.environment(),
    columns: 80,
    rows: 12,
  });
  await session.expect("=> => # a line that is rather long for a narrow window");
  session.resize(30, 12);
  expect(await session.exited).toBe(0);
  const text = plain(session.screen);
  expect(text).toMatch(/\[\+\] Building [\d.]+s \(\d+\/\d+\)/);
  const last = text.slice(text.lastIndexOf("[+] Building"));
  for (const line of last.split("\n")) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(30);
  expect(last).toContain(" => exporting to image");
}, 60_000);

test("what fails stands below the tree, with its output and the lines of the file", async () => {
  const folder = folderOf("FROM busybox\nRUN echo why it fails; exit 7\n");
  await using session = new TerminalSession([WHARF, "build", "--progress", "tty", folder], {
    env: { ...engine.environment(), NO_COLOR: "1" },
  });
  expect(await session.exited).toBe(1);
  const text = plain(session.screen);
  expect(text).toContain(" => ERROR [2/2] RUN echo why it fails; exit 7");
  expect(text).toMatch(
    /------\n > \[2\/2\] RUN echo why it fails; exit 7:\n[\d.]+ why it fails\n------\n/,
  );
  expect(text).toContain("   2 | >>> RUN echo why it fails; exit 7");
  expect(text).toContain("ERROR: failed to build: failed to solve: process");
  const none = await engine.wharf(["build", "--progress", "tty", folder]);
  expect(none.stderr).toContain("failed to get console");
}, 60_000);

test("Ctrl-C ends the step on the engine, says so and exits with the signal's code", async () => {
  const folder = folderOf("FROM busybox\nRUN echo kept > /kept\nRUN echo begun; sleep 613\n");
  await using session = new TerminalSession([WHARF, "build", folder], {
    env: engine.environment(),
  });
  await session.expect("=> => # begun");
  session.type("\u0003");
  expect(await session.exited).toBe(130);
  expect(plain(session.screen)).toContain("CANCELED [3/3] RUN echo begun; sleep 613");
  expect(session.screen).toContain("Canceled: context canceled");
  await waitUntil("the step is gone", async () => !(await processes()).includes("sleep 613"));
  // what was finished is not done again
  writeFileSync(join(folder, "Dockerfile"), "FROM busybox\nRUN echo kept > /kept\n");
  const shorter = await engine.wharf(["build", folder]);
  expect(shorter.stderr).toMatch(/RUN echo kept > \/kept\n#\d+ CACHED/);
}, 60_000);

test("an engine that dies in the middle of a build is told of, and loses no finished step", async () => {
  const folder = folderOf("FROM busybox\nRUN echo done > /done\nRUN echo begun; sleep 614\n");
  const client = Bun.spawn([WHARF, "build", "--progress", "plain", folder], {
    env: { ...process.env, ...engine.environment() },
    stdout: "ignore",
    stderr: "pipe",
  });
  let said = "";
  const reading = (async () => {
    for await (const chunk of client.stderr) said += Buffer.from(chunk).toString();
  })();
  await waitUntil("the step runs", () => said.includes("begun\n"), 20_000);
  await engine.crash();
  expect(await client.exited).toBe(1);
  await reading;
  expect(said).toContain("ERROR: failed to build: ");
  await engine.start();
  await waitUntil("the step is gone", async () => !(await processes()).includes("sleep 614"));
  writeFileSync(join(folder, "Dockerfile"), "FROM busybox\nRUN echo done > /done\n");
  const again = await engine.wharf(["build", folder]);
  expect(again.stderr).toMatch(/RUN echo done > \/done\n#\d+ CACHED/);
}, 60_000);

test("scripts read JSON, or nothing; the environment chooses too", async () => {
  const folder = folderOf("FROM busybox\nRUN echo said\n");
  const raw = await engine.wharf(["build", "--progress=rawjson", folder]);
  const lines = raw.stderr
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as object);
  expect(JSON.stringify(lines)).toContain("[2/2] RUN echo said");
  expect(JSON.stringify(lines)).toContain(Buffer.from("said\n").toString("base64"));
  const none = await engine.wharf(["build", "--progress=none", folder]);
  expect(none).toMatchObject({ exitCode: 0, stdout: "", stderr: "" });
  const chosen = await engine.wharf(["build", folder], { env: { BUILDKIT_PROGRESS: "rawjson" } });
  expect(chosen.stderr).toStartWith("{");
}, 60_000);
