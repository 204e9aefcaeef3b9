// A file with a fault of each kind: one clear message with its place, and nothing is changed.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { createServer, type Server } from "node:net";
import { ComposeProjects } from "../../harness/compose-project.ts";
import { startEngine, type TestEngine, WHARF } from "../../harness/engine.ts";
import { waitUntil } from "../../harness/wait-until.ts";

let engine: TestEngine;
let projects: ComposeProjects;
let listener: Server;
let takenPort: number;
beforeAll(async () => {
  engine = await startEngine();
  projects = new ComposeProjects(engine);
  listener = createServer();
  await new Promise<void>((resolve) => listener.listen(0, "0.0.0.0", resolve));
  const address = listener.address();
  takenPort = typeof address === "object" && address !== null ? address.port : 0;
});
afterAll(async () => {
  listener.close();
  projects[Symbol.dispose]();
  await engine[Symbol.asyncDispose]();
});
afterEach(() => projects.takeAllDown());

interface Fault {
  readonly kind: string;
  readonly text: string;
  /** `at L:C` stands for the file's name, line and column; TAKEN for a port that is in use. */
  readonly said: string;
}

const web = (more: string): string =>
  `services:\n  web:\n    image: busybox\n    command: sleep 1000\n    init: true\n${more}`;

const FAULTS: readonly Fault[] = [
  {
    kind: "unknown key",
    text: web("    enviroment: {A: b}\n"),
    said: "at 6:5: services.web.enviroment: unknown key; did you mean environment?",
  },
  {
    kind: "wrong type",
    text: web("    ports: 80\n"),
    said: "at 6:5: services.web.ports: must be a list, not 80",
  },
  {
    kind: "cycle",
    text: "services:\n  a: {image: busybox, depends_on: [b]}\n  b: {image: busybox, depends_on: [a]}\n",
    said: "at 3:36: dependency cycle detected: a -> b -> a: invalid compose project",
  },
  {
    kind: "missing variable",
    // oxlint-disable-next-line eslint/no-template-curly-in-string
    text: web("    hostname: ${NAME:?who is it}\n"),
    said: "at 6:5: services.web.hostname: required variable NAME is missing a value: who is it",
  },
  {
    kind: "missing env file",
    text: web("    env_file:\n      - gone.env\n"),
    said: "at 7:9: env file DIR/gone.env not found: stat DIR/gone.env: no such file or directory",
  },
  {
    kind: "missing included file",
    text: `include:\n  - gone/compose.yaml\n${web("")}`,
    said: "at 2:5: open DIR/gone/compose.yaml: no such file or directory",
  },
  {
    kind: "missing extended file",
    text: web("    extends: {file: gone.yaml, service: x}\n"),
    said: 'at 6:5: cannot extend service "web": open DIR/gone.yaml: no such file or directory',
  },
  {
    kind: "port wanted twice",
    text: `${web("    ports: ['18477:80']\n")}  two:\n    image: busybox\n    ports:\n      - "18477:81"\n`,
    said: "at 6:13: services.web.ports[0]: port 18477/tcp of the host is published by faulty-two-1, too: publish another port, or a range",
  },
  {
    kind: "port of a scaled service",
    text: web("    ports: ['18477:80']\n    scale: 2\n"),
    said: "at 6:13: services.web.ports[0]: port 18477/tcp of the host is published by faulty-web-1, too: publish another port, or a range",
  },
  {
    kind: "port that somebody has",
    text: web("    ports: ['TAKEN:80']\n"),
    said: "at 6:13: services.web.ports[0]: port TAKEN/tcp of the host is in use by something else: stop that, or publish another port",
  },
  {
    kind: "secret that is not declared",
    text: `${web("    secrets: [tokn]\n")}secrets: {token: {environment: TOKEN}}\n`,
    said: 'at 6:15: service "web" refers to undefined secret tokn (did you mean token?): invalid compose project',
  },
  {
    kind: "secret whose file is missing",
    text: `${web("    secrets: [token]\n")}secrets:\n  token:\n    file: ./gone.txt\n`,
    said: "at 9:5: secrets.token.file: DIR/gone.txt is not there, and services.web needs it",
  },
  {
    kind: "config whose variable is not set",
    text: `${web("    configs: [motd]\n")}configs:\n  motd: {environment: NOT_SET}\n`,
    said: "at 8:10: configs.motd.environment: the variable NOT_SET is not set, and services.web needs it",
  },
  {
    kind: "external network that is not there",
    text: `${web("    networks: [out]\n")}networks:\n  out: {external: true, name: nowhere}\n`,
    said: "at 8:3: network nowhere declared as external, but could not be found: make it with 'wharf network create nowhere'",
  },
  {
    kind: "not YAML",
    text: `${web("    labels: [a\n")}`,
    said: "not valid YAML",
  },
];

describe("a fault is one message with its place, and changes nothing", () => {
  for (const { kind, text, said } of FAULTS) {
    test(kind, async () => {
      const port = String(takenPort);
      const path = projects.make("faulty", { "compose.yaml": text.replace("TAKEN", port) });
      const before = await projects.state();
      for (const command of [["up", "-d"], ["create"], ["plan"]]) {
        const { exitCode, stderr } = await projects.run(path, command);
        const wanted = said
          .replace(/^at /, `${path}/compose.yaml:`)
          .replaceAll("DIR", path)
          .replace("TAKEN", port);
        expect([command, exitCode, stderr.split("\n").length]).toEqual([command, 1, 2]);
        expect(stderr).toContain(wanted);
      }
      expect(await projects.state()).toEqual(before);
    });
  }
});

test("a client that is killed in the middle: up again completes, down removes all", async () => {
  const names = Array.from({ length: 6 }, (_, index) => `s${index}`);
  const text = (value: string): string =>
    `services:\n${names
      .map(
        (name) =>
          `  ${name}: {image: busybox, command: sleep 1000, init: true, environment: {A: "${value}"}, stop_grace_period: 1s}\n`,
      )
      .join("")}`;
  const path = projects.make("killed", { "compose.yaml": text("1") });
  const before = await projects.state();
  const label = "label=com.docker.compose.project=killed";
  const ids = async (): Promise<readonly string[]> =>
    (await engine.mustDocker("ps", "-aq", "--no-trunc", "--filter", label))
      .split("\n")
      .filter((id) => id !== "");
  const killed = async (isMiddle: () => Promise<boolean>): Promise<void> => {
    const child = Bun.spawn([WHARF, "compose", "--project-directory", path, "up", "-d"], {
      env: { ...process.env, ...engine.environment() },
      stdout: "ignore",
      stderr: "ignore",
    });
    await waitUntil("it is in the middle", isMiddle);
    child.kill("SIGKILL");
    await child.exited;
  };
  await killed(async () => (await ids()).length >= 2);
  await projects.must(path, "up", "-d");
  const states = (): Promise<string> => projects.must(path, "ps", "-a", "--format", "{{.State}}");
  expect((await states()).split("\n")).toEqual(names.map(() => "running"));
  // while all are made anew
  projects.make("killed", { "compose.yaml": text("2") });
  const old = await ids();
  await killed(async () => (await ids()).some((id) => !old.includes(id)));
  await projects.must(path, "up", "-d");
  expect((await states()).split("\n")).toEqual(names.map(() => "running"));
  expect(
    (await engine.mustDocker("ps", "-a", "--format", "{{.Names}}")).split("\n").toSorted(),
  ).toEqual(names.map((name) => `killed-${name}-1`));
  expect((await projects.run(path, ["plan", "--exit-code"])).exitCode).toBe(0);
  projects.make("killed", { "compose.yaml": text("3") });
  const second = await ids();
  await killed(async () => (await ids()).some((id) => !second.includes(id)));
  await projects.must(path, "down", "-v", "-t", "0");
  expect(await projects.state()).toEqual(before);
});
