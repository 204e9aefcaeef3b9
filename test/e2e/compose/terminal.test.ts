// What somebody at a keyboard sees of an application that comes up, and how it ends by their keys.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { ComposeProjects } from "../../harness/compose/compose-project.ts";
import { startEngine, type TestEngine, WHARF } from "../../harness/engine.ts";
import { TerminalSession } from "../../harness/terminal.ts";

let engine: TestEngine;
let projects: ComposeProjects;
beforeAll(async () => {
  engine = await startEngine();
  projects = new ComposeProjects(engine);
});
afterAll(async () => {
  projects[Symbol.dispose]();
  await engine[Symbol.asyncDispose]();
});
afterEach(() => projects.takeAllDown());

const PATIENCE_MS = 60_000;

function session(
  path: string,
  args: readonly string[],
  options: { readonly columns?: number; readonly env?: Readonly<Record<string, string>> } = {},
): TerminalSession {
  const { columns = 80, env = {} } = options;
  return new TerminalSession([WHARF, "compose", "--project-directory", path, ...args], {
    columns,
    env: { ...engine.environment(), NO_COLOR: "", ...env },
  });
}

/** Rows as they stand in the end: lines that were drawn again count once. */
function finalRows(screen: string): readonly string[] {
  const rows: string[] = [];
  for (const line of screen.replaceAll("\r", "").split("\n")) {
    const [, up = "0", rest = line] = /^\u001b\[(\d+)A\u001b\[J(.*)$/s.exec(line) ?? [];
    rows.splice(rows.length - Number(up));
    rows.push(rest.replace("\u001b[J", ""));
  }
  return rows.filter((row) => row !== "");
}

const service = (name: string, command: string, more = ""): string =>
  `  ${name}:\n    image: busybox\n    command: ${JSON.stringify(["sh", "-c", command])}\n    init: true\n    stop_grace_period: 1s\n${more}`;

const IDLE = `services:\n${service("web", "sleep 1000")}${service("store", "sleep 1000")}`;
/** Says a word, and another when it is asked to end; one that does not listen ends by force alone. */
const TRAPPING = "trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.1; done";
const DEAF = "trap '' TERM; echo ready; while :; do sleep 0.1; done";

describe("on a terminal", () => {
  test("what goes on is one list, each thing once, with its time at the edge; nothing is wider than the terminal", async () => {
    for (const columns of [80, 30]) {
      const path = projects.make("tree", { "compose.yaml": IDLE });
      await using up = session(path, ["up", "-d"], { columns });
      expect(await up.exited).toBe(0);
      const rows = finalRows(up.screen);
      expect(rows[0]).toBe("[+] 3/3");
      expect(
        rows
          .slice(1)
          .map((row) => /✔ (\S+ \S+)/.exec(row)?.[1] ?? "")
          .toSorted(),
      ).toEqual(["Container tree-store-1", "Container tree-web-1", "Network tree_default"]);
      for (const row of rows) expect(row.length).toBeLessThan(columns);
      if (columns === 80) {
        for (const row of rows.slice(1)) expect(row).toMatch(/(Created|Started) +\d+\.\ds$/);
      }
      await using down = session(path, ["down", "-t", "0"], { columns });
      expect(await down.exited).toBe(0);
      expect(finalRows(down.screen)[0]).toBe("[+] 3/3");
    }
  }, 90_000);

  test("--ansi and COMPOSE_ANSI never: lines, without control characters; --progress chooses the form", async () => {
    const path = projects.make("plain", { "compose.yaml": IDLE });
    await using up = session(path, ["--ansi", "never", "up", "-d"]);
    expect(await up.exited).toBe(0);
    expect(up.screen).toContain(" Container plain-web-1  Started\r\n");
    expect(up.screen).not.toContain("\u001b");
    await using stop = session(path, ["stop", "-t", "0"], { env: { COMPOSE_ANSI: "never" } });
    expect(await stop.exited).toBe(0);
    expect(stop.screen).not.toContain("\u001b");
    await using json = session(path, ["--progress", "json", "start"]);
    expect(await json.exited).toBe(0);
    const events = json.screen
      .trim()
      .split("\r\n")
      .map((line) => JSON.parse(line) as object);
    expect(events).toContainEqual({
      id: "Container plain-web-1",
      status: "Done",
      text: "Started",
    });
    await using quiet = session(path, ["--progress", "quiet", "down", "-t", "0"]);
    expect(await quiet.exited).toBe(0);
    expect(quiet.screen).toBe("");
    const wrong = await projects.run(path, ["--ansi", "maybe", "up", "-d"]);
    expect([wrong.exitCode, wrong.stderr]).toEqual([
      1,
      'unsupported --ansi value "maybe": want never, always, auto\n',
    ]);
  }, 60_000);

  test("logs have a prefix and a colour for each container, the same ones every time", async () => {
    const words = `services:\n${service("b", "echo of b")}${service("long", "echo of long")}${service("a", "echo of a")}`;
    const path = projects.make("words", { "compose.yaml": words });
    await projects.must(path, "up", "-d", "--wait").catch(() => undefined);
    const coloured = [
      "\u001b[36ma-1     | \u001b[0mof a",
      "\u001b[33mb-1     | \u001b[0mof b",
      "\u001b[32mlong-1  | \u001b[0mof long",
    ];
    const shown = async (...args: readonly string[]): Promise<readonly string[]> => {
      await using logs = session(path, args);
      expect(await logs.exited).toBe(0);
      return logs.screen.trim().split("\r\n").toSorted();
    };
    expect(await shown("logs")).toEqual(coloured.toSorted());
    expect(await shown("logs", "--follow")).toEqual(coloured.toSorted());
    expect(await shown("logs", "--no-color")).toEqual([
      "a-1     | of a",
      "b-1     | of b",
      "long-1  | of long",
    ]);
    expect(await shown("--ansi", "never", "logs", "--no-log-prefix")).toEqual([
      "of a",
      "of b",
      "of long",
    ]);
    // no terminal, but told to
    expect((await projects.must(path, "--ansi", "always", "logs")).split("\n").toSorted()).toEqual(
      coloured.toSorted(),
    );
    expect(await projects.must(path, "logs", "a")).toBe("a-1  | of a");
    // attached, each has the colour that it has in the logs
    await using up = session(path, ["up"]);
    expect(await up.exited).toBe(0);
    for (const line of coloured) expect(up.screen).toContain(line);
  }, 60_000);
});

describe("Ctrl-C", () => {
  test("once stops in order, and the last words are shown", async () => {
    const path = projects.make("once", {
      "compose.yaml": `services:\n${service("web", TRAPPING, "    depends_on: [store]\n")}${service("store", TRAPPING)}`,
    });
    await using up = session(path, ["up", "--no-color"]);
    await up.expect("web-1    | ready", PATIENCE_MS);
    await up.expect("store-1  | ready", PATIENCE_MS);
    up.type("\u0003");
    expect(await up.exited).toBe(130);
    const said = up.screen.slice(up.screen.indexOf("Gracefully Stopping"));
    expect(said).toContain("web-1    | bye");
    expect(said).toContain("store-1  | bye");
    expect(said.indexOf("once-web-1  Stopped")).toBeLessThan(
      said.indexOf("once-store-1  Stopping"),
    );
    expect(said).toContain("store-1 exited with code 0");
    expect(await projects.must(path, "ps", "-q")).toBe("");
  }, 60_000);

  test("twice kills what does not listen", async () => {
    const path = projects.make("twice", {
      "compose.yaml": `services:\n${service("web", DEAF).replace("1s", "10m")}${service("store", DEAF).replace("1s", "10m")}`,
    });
    await using up = session(path, ["up", "--no-color"]);
    await up.expect("web-1    | ready", PATIENCE_MS);
    await up.expect("store-1  | ready", PATIENCE_MS);
    up.type("\u0003");
    await up.expect("Container twice-web-1  Stopping", PATIENCE_MS);
    up.type("\u0003");
    expect(await up.exited).toBe(130);
    expect(up.screen).toContain("Container twice-web-1  Killed");
    expect(await projects.must(path, "ps", "-q")).toBe("");
  }, 60_000);
});

describe("the end of one container", () => {
  const ending = (code: number): string =>
    `services:\n${service("job", `echo working; exit ${code}`)}${service("web", "sleep 1000", "    depends_on: {job: {condition: service_started}}\n")}`;

  test("is the end of all by --abort-on-container-exit, with its code", async () => {
    for (const code of [0, 3]) {
      const path = projects.make("exits", { "compose.yaml": ending(code) });
      const up = await projects.run(path, ["up", "--abort-on-container-exit"]);
      expect(up.exitCode).toBe(code);
      expect(up.stderr).toContain("Aborting on container exit...");
      expect(up.stdout).toContain(`job-1 exited with code ${code}`);
      expect(await projects.must(path, "ps", "-q")).toBe("");
      await projects.must(path, "down", "-t", "0");
    }
  }, 60_000);

  test("is the end of all by --abort-on-container-failure where it failed", async () => {
    const path = projects.make("fails", { "compose.yaml": ending(5) });
    const up = await projects.run(path, ["up", "--abort-on-container-failure"]);
    expect(up.exitCode).toBe(5);
    expect(await projects.must(path, "ps", "-q")).toBe("");
    projects.make("fails", {
      "compose.yaml": `services:\n${service("job", "exit 0")}${service("web", "sleep 0.5; exit 7")}`,
    });
    const later = await projects.run(path, ["up", "--abort-on-container-failure"]);
    expect([later.exitCode, later.stdout]).toEqual([
      7,
      expect.stringContaining("job-1 exited with code 0"),
    ]);
  }, 60_000);

  test("gives --exit-code-from the code of the service that is named", async () => {
    // a signal before the trap is set is lost on the first process of a container
    const web = service(
      "web",
      "trap 'exit 9' TERM; touch /ready; while :; do sleep 0.1; done",
      "    healthcheck: {test: test -f /ready, start_period: 60s, start_interval: 100ms}\n",
    );
    const job = service("job", "exit 0", "    depends_on: {web: {condition: service_healthy}}\n");
    const path = projects.make("from", { "compose.yaml": `services:\n${job}${web}` });
    expect((await projects.run(path, ["up", "--exit-code-from", "job"])).exitCode).toBe(0);
    expect((await projects.run(path, ["up", "--exit-code-from", "web"])).exitCode).toBe(9);
    const unknown = await projects.run(path, ["up", "--exit-code-from", "jop"]);
    expect([unknown.exitCode, unknown.stderr]).toEqual([
      1,
      expect.stringContaining("did you mean job?"),
    ]);
    const detached = await projects.run(path, ["up", "-d", "--abort-on-container-failure"]);
    expect(detached.exitCode).toBe(1);
  }, 60_000);
});
