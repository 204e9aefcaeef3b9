// A user asks what `up` would change before it does, and CI asks whether it would change anything.
import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { ComposeProjects } from "../../harness/compose/compose-project.ts";
import { startEngine, type TestEngine } from "../../harness/engine.ts";

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

const BEFORE = `
services:
  web:
    image: busybox
    command: sleep 1000
    init: true
    environment: {NAME: one, DB_PASSWORD: "\${DB_PASSWORD:-first}"}
    depends_on: {db: {condition: service_healthy, restart: true}}
    networks: [front]
  db:
    image: busybox
    command: sleep 1000
    init: true
    healthcheck: {test: ["CMD", "true"], interval: 200ms}
    networks: [front]
    volumes: ["data:/data"]
  side: {image: busybox, command: sleep 1000, init: true, network_mode: none}
  old: {image: busybox, command: sleep 1000, init: true, network_mode: none, scale: 2}
networks: {front: }
volumes: {data: }
`;

const AFTER = BEFORE.replace("NAME: one", "NAME: two")
  .replace('/data"]', '/data"]\n    mem_limit: 32m')
  .replace("scale: 2", "scale: 1")
  .replace("volumes: {data: }", "volumes: {data: {labels: {kind: db}}, new: }")
  .replace(
    "  side:",
    "  more: {image: busybox, command: sleep 1000, init: true, volumes: ['new:/n'], network_mode: none}\n  side:",
  );

interface Plan {
  readonly changes: number;
  readonly steps: readonly {
    readonly kind: string;
    readonly name: string;
    readonly action: string;
  }[];
}

interface Named {
  readonly kind: string;
  readonly name: string;
  readonly id: string;
  readonly startedAt: string;
}

async function named(): Promise<readonly Named[]> {
  return (await projects.state()).map((line) => {
    const [kind = "", second = "", third = "", ...rest] = line.split(" ");
    if (kind === "container") {
      return { kind, name: second.slice(1), id: third, startedAt: rest.at(-1) ?? "" };
    }
    return { kind, name: second, id: second, startedAt: "" };
  });
}

/** What became of the containers between two looks. */
function outcome(before: readonly Named[], after: readonly Named[]): readonly string[] {
  const containers = (all: readonly Named[]): ReadonlyMap<string, Named> =>
    new Map(all.filter(({ kind }) => kind === "container").map((each) => [each.name, each]));
  const [was, is] = [containers(before), containers(after)];
  return [...new Set([...was.keys(), ...is.keys()])]
    .map((name) => {
      const [old, now] = [was.get(name), is.get(name)];
      if (!old) return `create ${name}`;
      if (!now) return `remove ${name}`;
      if (old.id !== now.id) return `recreate ${name}`;
      return old.startedAt === now.startedAt ? `keep ${name}` : `start ${name}`;
    })
    .toSorted();
}

const containerSteps = ({ steps }: Plan): readonly string[] =>
  steps
    .filter(({ kind }) => kind === "container")
    .map(({ action, name }) => `${action} ${name}`)
    .toSorted();

test("compose plan says what up then does, and nothing else happens", async () => {
  const path = projects.make("plan", { "compose.yaml": BEFORE });
  const fresh = await projects.run(path, ["plan", "--exit-code"]);
  expect(fresh.exitCode).toBe(2);
  expect(fresh.stdout).toContain("+ network plan_front  create\n");
  expect(fresh.stdout).toEndWith("plan: 7 to create, 0 to keep\n");
  await projects.must(path, "up", "-d");
  const same = await projects.run(path, ["plan", "--exit-code"]);
  expect([same.exitCode, same.stdout]).toEqual([
    0,
    "plan: Nothing to do: all 7 are as the file says\n",
  ]);

  await projects.must(path, "stop", "side");
  projects.make("plan", { "compose.yaml": AFTER });
  const shown = await projects.run(path, ["plan"], { DB_PASSWORD: "second" });
  expect(shown.exitCode).toBe(0);
  expect(
    shown.stdout.replaceAll(/sha256:\w+/g, ""),
  ).toBe(`- container plan-old-2  remove: scaled to 1
  volume plan_data  keep: its definition changed, but its data is kept: remove it first to have it made anew
    labels.kind: (unset) → db
+ volume plan_new  create
~ container plan-db-1  recreate: its configuration changed
    mem_limit: (unset) → 33554432
+ container plan-more-1  create: it is not there
> container plan-side-1  start: it is exited
~ container plan-web-1  recreate: its configuration changed
    environment.DB_PASSWORD: (hidden) → (hidden)
    environment.NAME: one → two
plan: 1 to remove, 2 to create, 2 to recreate, 1 to start, 3 to keep
`);
  expect(shown.stdout).not.toContain("second");

  const plan = JSON.parse(await projects.must(path, "plan", "--json")) as Plan;
  expect(plan.changes).toBe(6);
  const before = await named();
  await projects.must(path, "up", "-d");
  expect(outcome(before, await named())).toEqual(containerSteps(plan));
  expect((await projects.run(path, ["plan", "--exit-code"])).exitCode).toBe(0);
});

test("compose plan follows the flags of up, in any format", async () => {
  const path = projects.make("flags", { "compose.yaml": BEFORE });
  await projects.must(path, "up", "-d");
  const lines = async (...args: readonly string[]): Promise<readonly string[]> => {
    const template = "{{.Action}} {{.Kind}} {{.Name}} {{range .Changes}}{{.Key}}{{end}}";
    const text = await projects.must(path, "plan", "--format", template, ...args);
    return text.split("\n").map((line) => line.trim());
  };
  expect(await lines("--force-recreate", "--no-deps", "web")).toEqual([
    "keep network flags_front",
    "recreate container flags-web-1",
  ]);
  expect(await lines("--scale", "side=3", "side")).toEqual([
    "keep container flags-side-1",
    "create container flags-side-2",
    "create container flags-side-3",
  ]);
  projects.make("flags", { "compose.yaml": BEFORE.replaceAll(/^ {2}old:.*\n/gm, "") });
  expect(await projects.must(path, "plan")).toContain(
    "orphans, left as they are: flags-old-1, flags-old-2",
  );
  expect(await lines("--remove-orphans", "side")).toEqual([
    "remove container flags-old-1",
    "remove container flags-old-2",
    "keep container flags-side-1",
  ]);
  const unknown = await projects.run(path, ["plan", "--format", "xml"]);
  expect(unknown.stderr).toContain('unsupported format "xml"');
  const everything = await projects.must(path, "plan", "--all");
  expect(everything).toContain("container flags-web-1  keep");
});

test("a container that another compose wrote another hash of stays, with a warning", async () => {
  const path = projects.make("other", {
    "compose.yaml":
      "services:\n  web: {image: busybox, command: sleep 1000, init: true, mem_limit: 32m}\n",
  });
  await projects.must(path, "up", "-d");
  const [made] = (await projects.state()).filter((line) => line.startsWith("container /other"));
  const id = made?.split(" ")[2] ?? "";
  await engine.mustWharf(
    ...["container", "update", "--label-add", "com.docker.compose.version=9.9.9", id],
  );
  await engine.mustWharf(
    ...["container", "update", "--label-add", "com.docker.compose.config-hash=other", id],
  );
  const up = await projects.run(path, ["up", "-d"]);
  expect(up.stderr).toContain("other-web-1 was made by compose 9.9.9, whose hash is another one");
  expect((await projects.state()).some((line) => line.includes(id))).toBe(true);
  projects.make("other", {
    "compose.yaml":
      "services:\n  web: {image: busybox, command: sleep 1000, init: true, mem_limit: 33m}\n",
  });
  expect(await projects.must(path, "plan")).toContain("mem_limit: 33554432 → 34603008");
  await projects.must(path, "up", "-d");
  expect((await projects.state()).some((line) => line.includes(id))).toBe(false);
});

test("restart says what the file says otherwise by now", async () => {
  const path = projects.make("drift", { "compose.yaml": BEFORE });
  await projects.must(path, "up", "-d", "side", "web");
  projects.make("drift", { "compose.yaml": AFTER });
  const restarted = await projects.run(path, ["restart", "-t", "1"]);
  expect(restarted.exitCode).toBe(0);
  expect(restarted.stderr).toContain(
    "WARNING: drift-web-1 restarts as it was made; the file says another environment.NAME (one → two) by now",
  );
  expect(restarted.stderr).not.toContain("drift-side-1 restarts as it was made");
});

const DRY: readonly (readonly [args: readonly string[], line: string | undefined])[] = [
  [["up", "-d"], "Container dry-web-1  Recreated"],
  [["up", "-d", "--scale", "old=3"], "Container dry-old-3  Created"],
  [["create", "--force-recreate"], "Container dry-side-1  Recreated"],
  [["restart"], "Container dry-web-1  Restarting"],
  [["stop"], "Container dry-web-1  Stopped"],
  [["kill"], "Container dry-web-1  Killed"],
  [["pause"], "Container dry-web-1  Paused"],
  [["rm", "-fs"], "Container dry-web-1  Removed"],
  [["start", "gone"], undefined],
  [["start", "side"], undefined],
  [["down", "-v", "--rmi", "all"], "Volume dry_data  Removed"],
];

test("--dry-run says it and touches nothing, whatever the command", async () => {
  const path = projects.make("dry", { "compose.yaml": BEFORE });
  await projects.must(path, "up", "-d");
  projects.make("dry", { "compose.yaml": AFTER });
  const before = await projects.state();
  for (const [args, line] of DRY) {
    const { stderr } = await projects.run(path, ["--dry-run", ...args]);
    if (line !== undefined) expect(stderr).toContain(` DRY-RUN MODE -  ${line}\n`);
    expect([args, await projects.state()]).toEqual([args, before]);
  }
  const after = await projects.run(path, ["up", "-d", "--dry-run"]);
  expect(after.stderr).toContain(" DRY-RUN MODE -  Container dry-db-1  Healthy\n");
  expect(await projects.state()).toEqual(before);
});

test("depends_on with restart: what needs another that is made anew or restarted is restarted, on and on", async () => {
  const chain = (word: string): string => `services:
  db: {image: busybox, command: sleep 1000, init: true, stop_grace_period: 1s, environment: {WORD: ${word}}}
  api: {image: busybox, command: sleep 1000, init: true, stop_grace_period: 1s, depends_on: {db: {condition: service_started, restart: true}}}
  web: {image: busybox, command: sleep 1000, init: true, stop_grace_period: 1s, depends_on: {api: {condition: service_started, restart: true}}}
  side: {image: busybox, command: sleep 1000, init: true, stop_grace_period: 1s, depends_on: [db]}
`;
  const path = projects.make("chain", { "compose.yaml": chain("one") });
  await projects.must(path, "up", "-d");
  const happens = async (...args: readonly string[]): Promise<readonly string[]> => {
    const before = await named();
    await projects.must(path, ...args);
    return outcome(before, await named());
  };
  projects.make("chain", { "compose.yaml": chain("two") });
  const plan = await projects.must(path, "plan");
  expect(plan).toContain("container chain-api-1  restart: db is made anew");
  expect(await happens("up", "-d")).toEqual([
    "keep chain-side-1",
    "keep chain-web-1",
    "recreate chain-db-1",
    "start chain-api-1",
  ]);
  expect(await happens("restart", "db")).toEqual([
    "keep chain-side-1",
    "start chain-api-1",
    "start chain-db-1",
    "start chain-web-1",
  ]);
  const order = await projects.run(path, ["restart", "db"]);
  expect(order.stderr.indexOf("chain-db-1  Started")).toBeLessThan(
    order.stderr.indexOf("chain-api-1  Restarting"),
  );
  expect(await happens("restart", "--no-deps", "db")).toEqual([
    "keep chain-api-1",
    "keep chain-side-1",
    "keep chain-web-1",
    "start chain-db-1",
  ]);
}, 60_000);
