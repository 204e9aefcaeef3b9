// A client that is killed at any moment of `up`, while it builds, runs hooks, makes networks and volumes or exchanges
// containers: `up` again completes, `down` leaves nothing.
import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { ComposeProjects } from "../../harness/compose/compose-project.ts";
import { startEngine, type TestEngine, WHARF } from "../../harness/engine.ts";

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

const file = (said: string): string => `services:
  app:
    build: {dockerfile_inline: "FROM busybox\\nRUN echo ${said} > /said"}
    command: sleep 1000
    init: true
    stop_grace_period: 1s
    environment: {SAID: ${said}}
    networks: [front, back]
    volumes: [data:/data]
    depends_on: {db: {condition: service_healthy}}
    pre_start: [{command: "sh -c 'echo ${said} >> /data/log'"}]
    post_start: [{command: touch /started}]
  db:
    image: busybox
    command: sleep 1000
    init: true
    stop_grace_period: 1s
    scale: 2
    environment: {SAID: ${said}}
    networks: [back]
    healthcheck: {test: [CMD, "true"], interval: 100ms}
volumes: {data: {}}
networks: {front: {}, back: {}}
`;

/** @returns How many lines of progress it got to, fewer than asked where it came to its end before. */
async function killedAt(path: string, words: readonly string[], lines: number): Promise<number> {
  const child = Bun.spawn([WHARF, "compose", "--project-directory", path, ...words], {
    env: { ...process.env, ...engine.environment() },
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  });
  let seen = 0;
  for await (const chunk of child.stderr) {
    seen += new TextDecoder().decode(chunk).split("\n").length - 1;
    if (seen >= lines) child.kill("SIGKILL");
  }
  await child.exited;
  return seen;
}

const NAMES = ["killed-app-1", "killed-db-1", "killed-db-2"];

async function isComplete(path: string): Promise<void> {
  await projects.must(path, "up", "-d");
  const all = await projects.must(path, "ps", "-a", "--format", "{{.Name}} {{.State}}");
  expect(all.split("\n")).toEqual(NAMES.map((name) => `${name} running`));
  expect((await projects.run(path, ["plan", "--exit-code"])).exitCode).toBe(0);
}

test.each([1, 4, 9, 14, 22])(
  "killed after %d lines of up: up completes, down leaves nothing",
  async (lines) => {
    const before = await projects.state();
    const path = projects.make("killed", { "compose.yaml": file("one") });
    expect(await killedAt(path, ["up", "-d", "--build"], lines)).toBeGreaterThan(0);
    await isComplete(path);
    expect(await projects.must(path, "exec", "-T", "app", "cat", "/said", "/data/log")).toMatch(
      /^one\none/,
    );
    await projects.must(path, "down", "-v", "--rmi", "local");
    expect(await projects.state()).toEqual(before);
    // and without anything between
    await killedAt(path, ["up", "-d"], lines);
    await projects.must(path, "down", "-v", "--rmi", "local");
    expect(await projects.state()).toEqual(before);
  },
);

test("killed while containers are exchanged, at once and one after the other", async () => {
  const before = await projects.state();
  const path = projects.make("killed", { "compose.yaml": file("one") });
  await projects.must(path, "up", "-d");
  for (const [index, lines] of [2, 5, 9].entries()) {
    projects.make("killed", { "compose.yaml": file(`roll-${index}`) });
    await killedAt(path, ["up", "-d", "--rolling"], lines);
    await isComplete(path);
    projects.make("killed", { "compose.yaml": file(`again-${index}`) });
    await killedAt(path, ["up", "-d"], lines);
    await isComplete(path);
    const said = await projects.run(path, ["exec", "-T", "app", "sh", "-c", "echo $SAID"]);
    expect([said.exitCode, said.stdout, said.stderr]).toEqual([0, `again-${index}\n`, ""]);
  }
  await projects.must(path, "down", "-v", "--rmi", "local");
  expect(await projects.state()).toEqual(before);
});
