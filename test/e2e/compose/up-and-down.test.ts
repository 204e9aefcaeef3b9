// A user brings applications up from Compose files, with our client; docker's shows that they are what they say.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startEngine, type TestEngine } from "../../harness/engine.ts";
import { waitUntil } from "../../harness/wait-until.ts";

let engine: TestEngine;
let folder: string;
beforeAll(async () => {
  engine = await startEngine();
  folder = mkdtempSync("/var/tmp/wharf-compose-");
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await engine[Symbol.asyncDispose]();
});
afterEach(async () => {
  for (const name of (await engine.mustWharf("compose", "ls", "-aq")).split("\n")) {
    if (name !== "") await engine.mustWharf("compose", "-p", name, "down", "-v", "-t", "0");
  }
});

/** A project's folder with its file. */
function project(name: string, text: string): string {
  const path = join(folder, name);
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, "compose.yaml"), text);
  return path;
}

const compose = (path: string, ...args: readonly string[]): Promise<string> =>
  engine.mustWharf("compose", "-f", join(path, "compose.yaml"), ...args);
const idOf = (name: string): Promise<string> => engine.mustDocker("inspect", "-f", "{{.Id}}", name);

const STACK = `
services:
  web:
    image: busybox
    command: sh -c 'cat /etc/greeting /run/secrets/word; echo $$NAME; exec sleep 1000'
    init: true
    environment: {NAME: "\${NAME:-nobody}"}
    depends_on: {db: {condition: service_healthy}}
    configs: [{source: greeting, target: /etc/greeting}]
    secrets: [word]
    volumes: ["data:/data", "/own"]
    networks: {front: {aliases: [site]}, back: }
    stop_grace_period: 1s
  db:
    image: busybox
    command: sleep 1000
    init: true
    healthcheck: {test: ["CMD", "true"], interval: 200ms}
    networks: [back]
    stop_grace_period: 1s
networks: {front: , back: {internal: true}}
volumes: {data: }
configs: {greeting: {content: "hello\\n"}}
secrets: {word: {environment: WORD}}
`;

describe("wharf compose", () => {
  test("brings a stack up, leaves what is as it should be, makes anew what changed, takes it down", async () => {
    const path = project("stack", STACK);
    const up = (env: Readonly<Record<string, string>>, ...args: readonly string[]) =>
      engine.wharf(["compose", "-f", join(path, "compose.yaml"), "up", "-d", ...args], {
        env: { WORD: "secret", ...env },
      });
    const first = await up({});
    expect(first.exitCode).toBe(0);
    const lines = first.stderr.split("\n");
    expect(lines).toContain(" Network stack_front  Created");
    expect(lines).toContain(" Volume stack_data  Created");
    expect(lines.indexOf(" Container stack-db-1  Healthy")).toBeLessThan(
      lines.indexOf(" Container stack-web-1  Starting"),
    );
    await waitUntil("web has written", async () =>
      (await compose(path, "logs", "web")).includes("nobody"),
    );
    const logs = await compose(path, "logs", "--no-color", "web");
    expect(logs).toContain("web-1  | hello");
    expect(logs).toContain("web-1  | secretnobody");
    const resolved = await engine.mustDocker("exec", "stack-web-1", "nslookup", "db");
    expect(resolved).toContain("Name:\tdb");
    expect(await compose(path, "ps", "--format", "{{.Service}} {{.State}} {{.Health}}")).toBe(
      "db running healthy\nweb running",
    );
    expect(await engine.mustWharf("compose", "ls")).toMatch(/^stack {15}running\(2\)/m);

    const before = [await idOf("stack-web-1"), await idOf("stack-db-1")];
    const again = await up({});
    expect(again.stderr.split("\n").toSorted().filter(Boolean)).toEqual([
      " Container stack-db-1  Running",
      " Container stack-web-1  Running",
    ]);
    expect([await idOf("stack-web-1"), await idOf("stack-db-1")]).toEqual(before);

    await engine.mustDocker("exec", "stack-web-1", "sh", "-c", "echo kept >/own/file");
    const dry = await up({ NAME: "someone" }, "--dry-run");
    expect(dry.stderr).toContain(" DRY-RUN MODE -  Container stack-web-1  Recreate");
    expect(await idOf("stack-web-1")).toBe(before[0] ?? "");
    expect((await up({ NAME: "someone" })).exitCode).toBe(0);
    expect(await idOf("stack-web-1")).not.toBe(before[0] ?? "");
    expect(await idOf("stack-db-1")).toBe(before[1] ?? "");
    expect(await engine.mustDocker("exec", "stack-web-1", "cat", "/own/file")).toBe("kept");

    await compose(path, "down", "-v");
    const left = await engine.mustDocker("ps", "-aq");
    expect(left).toBe("");
    expect(await engine.mustDocker("volume", "ls", "-q")).toBe("");
    expect(await engine.mustDocker("network", "ls", "-q", "--filter", "name=stack")).toBe("");
  });

  test("stays attached: shows the logs, ends with the chosen service's code", async () => {
    const path = project(
      "jobs",
      `services:
  work: {image: busybox, command: "sh -c 'echo done; exit 3'"}
  side: {image: busybox, command: sleep 1000, init: true, stop_grace_period: 1s}
`,
    );
    const { stdout, exitCode } = await engine.wharf([
      ...["compose", "-f", join(path, "compose.yaml"), "up", "--exit-code-from", "work"],
    ]);
    expect(exitCode).toBe(3);
    expect(stdout).toMatch(/^Attaching to side-1, work-1\n/);
    expect(stdout).toContain("work-1  | done");
    expect(stdout).toContain("work-1 exited with code 3");
    expect(await compose(path, "ps", "-a", "--format", "{{.Service}} {{.State}}")).toBe(
      "side exited\nwork exited",
    );
  });

  test("scales, stops, starts, pauses, kills, restarts and removes by service", async () => {
    const path = project(
      "verbs",
      `services:
  one: {image: busybox, command: sleep 1000, init: true, stop_grace_period: 1s, scale: 2}
  two: {image: busybox, command: sleep 1000, init: true, stop_grace_period: 1s}
`,
    );
    const states = (): Promise<string> =>
      compose(path, "ps", "-a", "--format", "{{.Name}} {{.State}}");
    await compose(path, "up", "-d", "--scale", "one=3");
    expect(await states()).toBe(
      "verbs-one-1 running\nverbs-one-2 running\nverbs-one-3 running\nverbs-two-1 running",
    );
    await compose(path, "up", "-d", "--scale", "one=1");
    expect(await states()).toBe("verbs-one-1 running\nverbs-two-1 running");
    await compose(path, "stop", "one");
    await compose(path, "pause", "two");
    expect(await states()).toBe("verbs-one-1 exited\nverbs-two-1 paused");
    await compose(path, "start", "one");
    await compose(path, "unpause");
    expect(await states()).toBe("verbs-one-1 running\nverbs-two-1 running");
    await compose(path, "restart", "two");
    await compose(path, "kill", "-s", "KILL", "one");
    expect(await compose(path, "ps", "--services")).toBe("two");
    const declined = await engine.wharf(["compose", "-f", join(path, "compose.yaml"), "rm", "one"]);
    expect([declined.exitCode, declined.stdout]).toEqual([0, "Going to remove verbs-one-1 [y/N] "]);
    expect(await compose(path, "rm", "-f", "one")).toBe("Going to remove verbs-one-1");
    for (const [filter, found] of [
      ["name=erb", "verbs"],
      ["name=^v.r", "verbs"],
      ["name=other", ""],
    ] as const) {
      expect(await engine.mustWharf("compose", "ls", "-q", "--filter", filter)).toBe(found);
    }
    const strange = await engine.wharf(["compose", "ls", "--filter", "status=up"]);
    expect([strange.exitCode, strange.stderr]).toEqual([1, "invalid filter 'status'\n"]);
    expect(await states()).toBe("verbs-two-1 running");
    const unknown = await engine.wharf([
      ...["compose", "-f", join(path, "compose.yaml"), "stop", "tow"],
    ]);
    expect(unknown.stderr).toBe("no such service: tow; did you mean two?\n");
  });

  test("says what cannot be, and changes nothing", async () => {
    const path = project(
      "broken",
      `services:
  bad: {image: busybox, command: "false", healthcheck: {test: ["CMD", "true"], interval: 1s}}
  web: {image: busybox, depends_on: {bad: {condition: service_healthy}}}
`,
    );
    const failed = await engine.wharf([
      ...["compose", "-f", join(path, "compose.yaml"), "up", "-d"],
    ]);
    expect(failed.exitCode).toBe(1);
    expect(failed.stderr).toContain(
      "dependency failed to start: container broken-bad-1 exited (1)",
    );
    const typo = project("typo", "services:\n  web: {imge: busybox}\n");
    const refused = await engine.wharf(["compose", "-f", join(typo, "compose.yaml"), "up", "-d"]);
    expect(refused.stderr).toContain(
      "compose.yaml:2:9: services.web.imge: unknown key; did you mean image?",
    );
    const external = project(
      "external",
      "services:\n  web: {image: busybox, networks: [gone]}\nnetworks: {gone: {external: true}}\n",
    );
    const missing = await engine.wharf(["compose", "-f", join(external, "compose.yaml"), "up"]);
    expect(missing.stderr).toContain("network gone declared as external, but could not be found");
    expect(await engine.mustDocker("ps", "-aq", "--filter", "name=external")).toBe("");
  });

  test("a client that is killed in the middle leaves what the next one completes", async () => {
    const services = Array.from(
      { length: 8 },
      (_, index) =>
        `  s${index}: {image: busybox, command: sleep 1000, init: true, stop_grace_period: 1s}`,
    );
    const path = project("killed", `services:\n${services.join("\n")}\n`);
    const child = Bun.spawn(
      [join(process.cwd(), "dist/wharf"), "compose", "-f", join(path, "compose.yaml"), "up", "-d"],
      { env: { ...process.env, ...engine.environment() }, stdout: "ignore", stderr: "ignore" },
    );
    await waitUntil(
      "some containers are there",
      async () => (await engine.mustDocker("ps", "-aq")).split("\n").filter(Boolean).length >= 2,
    );
    child.kill("SIGKILL");
    await child.exited;
    await compose(path, "up", "-d");
    const running = await compose(path, "ps", "--format", "{{.State}}");
    expect(running.split("\n")).toEqual(services.map(() => "running"));
    expect(readFileSync(join(path, "compose.yaml"), "utf8")).toContain("s7");
  });
});
