// A file with a fault of each kind: one clear message with its place, and nothing is changed.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { createServer, type Server } from "node:net";
import { runCommand } from "../../harness/command.ts";
import { ComposeProjects } from "../../harness/compose/compose-project.ts";
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
  readonly text: string | Uint8Array;
  /** Beside it. */
  readonly files?: Readonly<Record<string, string>>;
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
  {
    kind: "cycle of extended services",
    text: "services:\n  a: {image: busybox, extends: b}\n  b: {extends: {service: a}}\n",
    said: "Circular reference: a in DIR/compose.yaml, extends b in DIR/compose.yaml, extends a",
  },
  {
    kind: "extended service that is not there",
    text: web("    extends: {file: base.yaml, service: app}\n"),
    files: { "base.yaml": "services: {api: {image: busybox}}\n" },
    said: 'at 6:5: cannot extend service "web" in DIR/compose.yaml: service "app" not found in base.yaml (did you mean api?)',
  },
  {
    kind: "cycle of included files",
    text: `include: [other.yaml]\n${web("")}`,
    files: { "other.yaml": "include:\n  - compose.yaml\n" },
    said: "include cycle detected: DIR/compose.yaml, include DIR/other.yaml, include DIR/compose.yaml",
  },
  {
    kind: "service that is defined again by an included file",
    text: `include: [other.yaml]\n${web("")}`,
    files: { "other.yaml": "services: {web: {image: other}}\n" },
    said: "at 3:3: services.web conflicts with imported resource",
  },
  {
    kind: "dependency that is not there",
    text: web("    depends_on: [dab]\n").replace("web:", "db: {image: busybox}\n  web:"),
    said: 'at 7:18: service "web" depends on undefined service "dab" (did you mean db?): invalid compose project',
  },
  {
    kind: "network that is not declared",
    text: `${web("    networks: [frnt]\n")}networks: {front: {}}\n`,
    said: 'at 6:16: service "web" refers to undefined network frnt (did you mean front?): invalid compose project',
  },
  {
    kind: "volume that is not declared",
    text: `${web("    volumes:\n      - dta:/data\n")}volumes: {data: {}}\n`,
    said: 'at 7:9: service "web" refers to undefined volume dta (did you mean data?): invalid compose project',
  },
  {
    kind: "external volume that is not there",
    text: `${web("    volumes: ['out:/data']\n")}volumes:\n  out: {external: true, name: nowhere}\n`,
    said: "at 8:3: volume nowhere declared as external, but could not be found: make it with 'wharf volume create nowhere'",
  },
  {
    kind: "config that is not declared",
    text: `${web("    configs: [mtd]\n")}configs: {motd: {content: x}}\n`,
    said: 'at 6:15: service "web" refers to undefined config mtd (did you mean motd?): invalid compose project',
  },
  {
    kind: "config whose file is missing",
    text: `${web("    configs: [motd]\n")}configs:\n  motd: {file: ./gone.txt}\n`,
    said: "at 8:10: configs.motd.file: DIR/gone.txt is not there, and services.web needs it",
  },
  {
    kind: "one name for two containers",
    text: `${web("    container_name: same\n")}  two: {image: busybox, container_name: same}\n`,
    said: 'at 7:25: services.two: container name "same" is already in use by service web: invalid compose project',
  },
  {
    kind: "interpolation that is none",
    // oxlint-disable-next-line eslint/no-template-curly-in-string
    text: web('    hostname: "a${b"\n'),
    // oxlint-disable-next-line eslint/no-template-curly-in-string
    said: 'at 6:5: services.web.hostname: invalid interpolation format: "a${b"; to mean a dollar sign, write $$',
  },
  {
    kind: "key that is there twice",
    text: web("    hostname: a\n    hostname: b\n"),
    said: "at 7:5: services.web.hostname: this key is there twice",
  },
  {
    kind: "anchor that is not there",
    text: web("    labels: *nope\n"),
    said: "at 6:13: services.web.labels: *nope: nothing above is called &nope",
  },
  {
    kind: "aliases that multiply",
    text: `${["a", "b", "c", "d", "e", "f"]
      .map((name, index, all) => {
        const before = all[index - 1];
        const inner = before === undefined ? "x" : `*${before}`;
        return `x-${name}: &${name} [${Array.from({ length: 10 }, () => inner).join(", ")}]\n`;
      })
      .join("")}${web("")}`,
    said: "more than 100000 values: its aliases multiply",
  },
  {
    kind: "tab",
    text: web("\thostname: a\n"),
    said: "at 6:1: not valid YAML: Tabs are not allowed as indentation",
  },
  {
    kind: "mistake behind a byte order mark and in lines that end as on Windows",
    text: `\ufeff${web("    hostnam: a\n")}`.replaceAll("\n", "\r\n"),
    said: "at 6:5: services.web.hostnam: unknown key; did you mean hostname?",
  },
  {
    kind: "not UTF-8",
    text: Buffer.from(web("    hostname: caf\xe9\n"), "latin1"),
    said: "at 6:18: not valid YAML: not UTF-8",
  },
  {
    kind: "control character",
    text: web("    hostname: a\x01\n"),
    said: "at 6:16: not valid YAML: control characters are not allowed: \\x01",
  },
  {
    kind: "env file that is a folder",
    text: web("    env_file: [folder]\n"),
    files: { "folder/file": "" },
    said: "at 6:16: read DIR/folder: is a directory",
  },
  {
    kind: "env file without an end",
    text: web("    env_file: [/dev/zero]\n"),
    said: "at 6:16: /dev/zero is larger than 16 MiB: that is no file of a project",
  },
  {
    kind: "env file that is none",
    text: web("    env_file: [bad.env]\n"),
    files: { "bad.env": "A=1\n= 2\n" },
    said: 'DIR/bad.env:2: want NAME=value, got "= 2"',
  },
];

describe("a fault is one message with its place, and changes nothing", () => {
  for (const { kind, text, said, files } of FAULTS) {
    test(kind, async () => {
      const port = String(takenPort);
      const path = projects.make("faulty", {
        ...files,
        "compose.yaml": typeof text === "string" ? text.replace("TAKEN", port) : text,
      });
      const before = await projects.state();
      const asked = async (command: readonly string[]): Promise<void> => {
        const { exitCode, stderr } = await projects.run(path, command);
        const wanted = said
          .replace(/^at /, `${path}/compose.yaml:`)
          .replaceAll("DIR", path)
          .replace("TAKEN", port);
        expect([command, exitCode, stderr.split("\n").length]).toEqual([command, 1, 2]);
        expect(stderr).toContain(wanted);
      };
      await Promise.all([["up", "-d"], ["create"], ["plan"]].map(asked));
      expect(await projects.state()).toEqual(before);
    });
  }
});

test("a byte order mark, lines that end as on Windows and UTF-16 are read all the same", async () => {
  const text = web("    command: [echo, café]\n").replace("    command: sleep 1000\n", "");
  const marked = `\ufeff${text.replaceAll("\n", "\r\n")}`;
  for (const bytes of [marked, Buffer.from(marked, "utf16le")]) {
    const path = projects.make("marked", { "compose.yaml": bytes });
    expect(JSON.parse(await projects.must(path, "config", "--format", "json"))).toMatchObject({
      services: { web: { image: "busybox", command: ["echo", "café"] } },
    });
  }
});

test("files that come through pipes are read once, and one without a writer is given up", async () => {
  // oxlint-disable-next-line eslint/no-template-curly-in-string
  const text = web('    environment: {A: "${A}", B: "${B}"}\n    env_file: [/dev/fd/9]\n');
  const path = projects.make("piped", { "compose.yaml": text });
  const shell = async (script: string): Promise<readonly [number, string, string]> => {
    const { exitCode, stdout, stderr } = await runCommand(["bash", "-c", script], {
      env: engine.environment(),
      cwd: path,
    });
    return [exitCode, stdout, stderr];
  };
  const from = `${WHARF} compose --env-file <(echo A=one; exec echo B=two) -f <(cat compose.yaml) -p piped`;
  const [code, stdout, stderr] = await shell(`${from} config --format json 9< <(echo C=three)`);
  expect([code, stderr]).toEqual([0, ""]);
  expect(JSON.parse(stdout)).toMatchObject({
    services: { web: { environment: { A: "one", B: "two", C: "three" } } },
  });
  expect(await shell(`mkfifo nobody; ${WHARF} compose --env-file nobody config`)).toEqual([
    1,
    "",
    `read ${path}/nobody: it is a pipe into which nobody has written for 5 s\n`,
  ]);
  const before = await projects.state();
  projects.make("piped", { "compose.yaml": web("    env_file: [nobody]\n") });
  expect(await shell(`${WHARF} compose up -d`)).toEqual([
    1,
    "",
    `compose.yaml:6:16: read ${path}/nobody: it is a pipe into which nobody has written for 5 s\n`,
  ]);
  expect(await projects.state()).toEqual(before);
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
