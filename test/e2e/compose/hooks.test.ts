// What is to be done before a service starts is done in containers of its own, once; what fails stops the start.
import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { ComposeProjects } from "../../harness/compose/compose-project.ts";
import { startEngine, type TestEngine, WHARF } from "../../harness/engine.ts";
import { waitUntil } from "../../harness/wait-until.ts";

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

const db = `  db:
    image: busybox
    command: sleep 1000
    init: true
    stop_grace_period: 1s
    healthcheck: {test: [CMD, "true"], interval: 200ms}
`;

/** What has happened, a line each, in the order of the containers where that is by chance. */
async function happened(path: string): Promise<readonly string[]> {
  const text = await projects.must(path, "exec", "-T", "app", "cat", "/data/log");
  return text.split("\n");
}

const containers = async (): Promise<readonly string[]> =>
  (await engine.mustWharf("ps", "-a", "--format", "{{.Names}} {{.State}}")).split("\n").toSorted();

const DUTIES = `services:
  app:
    image: busybox
    command: sleep 1000
    init: true
    stop_grace_period: 1s
    user: "1000:1000"
    environment: {A: service, B: service}
    working_dir: /data
    scale: 2
    volumes: [data:/data]
    configs: [motd]
    depends_on: {db: {condition: service_healthy}}
    pre_start:
      - image: busybox
        user: root
        command: sh -c 'touch log; chown -R 1000:1000 /data; echo first $$A $$B $$(id -u) >> log'
      - command: sh -c 'nslookup db >/dev/null && echo second $$A $$B $$(id -u) $$(cat /motd) >> log'
        environment: {B: hook}
      - command: [sh, -c, 'echo for one >> log']
        per_replica: true
${db}volumes: {data: }
configs: {motd: {content: hello}}
`;

test("hooks run before the first start, in order, and not again until what they are for is made anew", async () => {
  const path = projects.make("duties", { "compose.yaml": DUTIES });
  const plan = await projects.must(path, "plan");
  expect(plan).toContain("hook app.pre_start[0]  run: before the start of duties-app-1");
  expect(plan).toContain(
    "hook app.pre_start[2]  run: before the start of duties-app-1, duties-app-2",
  );
  await projects.must(path, "--dry-run", "up", "-d");
  await projects.must(path, "up", "-d");
  const first = ["first service service 0", "second service hook 1000 hello", "for one", "for one"];
  expect(await happened(path)).toEqual(first);
  const all = ["duties-app-1 running", "duties-app-2 running", "duties-db-1 running"];
  expect(await containers()).toEqual(all);

  expect(await projects.must(path, "plan")).toContain("Nothing to do");
  await projects.must(path, "up", "-d");
  await projects.must(path, "restart", "app");
  await projects.must(path, "stop", "app");
  await projects.must(path, "up", "-d");
  expect(await happened(path)).toEqual(first);

  await projects.must(path, "up", "-d", "--scale", "app=3");
  expect(await happened(path)).toEqual([...first, "for one"]);
  await projects.must(path, "up", "-d", "--scale", "app=1", "--force-recreate");
  expect(await happened(path)).toEqual([...first, "for one", ...first.slice(0, 3)]);
}, 60_000);

test("one that fails is told with its place and its words; the service waits for the next up", async () => {
  const broken = DUTIES.replace("nslookup db", "echo what a pity; exit 3; nslookup db");
  const path = projects.make("broken", { "compose.yaml": broken });
  const failed = await projects.run(path, ["up", "-d"]);
  expect(failed.exitCode).toBe(1);
  expect(failed.stderr).toContain(
    "compose.yaml:18:9: services.app.pre_start[1] exited with status 3: app is not started, and broken-app-pre_start-1 is kept to be looked into; it said:\nwhat a pity",
  );
  const waiting = ["broken-app-1 created", "broken-app-2 created"];
  const rest = ["broken-app-pre_start-1 exited", "broken-db-1 running"];
  expect(await containers()).toEqual([...waiting, ...rest]);
  expect(await projects.must(path, "logs", "--no-log-prefix")).not.toContain("pity");

  projects.make("broken", { "compose.yaml": DUTIES });
  await projects.must(path, "up", "-d");
  expect(await happened(path)).toHaveLength(5);
  const now = ["broken-app-1 running", "broken-app-2 running", "broken-db-1 running"];
  expect(await containers()).toEqual(now);
}, 60_000);

test("a client that is killed while a hook runs: up again runs it again, down removes it", async () => {
  const long = DUTIES.replace("nslookup db", "sleep 1000; nslookup db");
  const path = projects.make("killed", { "compose.yaml": long });
  const begin = async (): Promise<void> => {
    const client = Bun.spawn([WHARF, "compose", "--project-directory", path, "up", "-d"], {
      env: { ...process.env, ...engine.environment() },
      stdout: "ignore",
      stderr: "ignore",
    });
    await waitUntil("the hook runs", async () =>
      (await containers()).includes("killed-app-pre_start-1 running"),
    );
    client.kill("SIGKILL");
    await client.exited;
  };
  await begin();
  projects.make("killed", { "compose.yaml": DUTIES });
  await projects.must(path, "up", "-d");
  expect(await containers()).toHaveLength(3);
  projects.make("killed", { "compose.yaml": long });
  await begin();
  await projects.must(path, "down", "-v", "-t", "0");
  expect(await containers()).toEqual([""]);
}, 60_000);

test("up --rolling runs them for the new containers, before the old ones go", async () => {
  const path = projects.make("rolled", { "compose.yaml": DUTIES });
  await projects.must(path, "up", "-d");
  projects.make("rolled", { "compose.yaml": DUTIES.replace("A: service", "A: other") });
  await projects.must(path, "up", "-d", "--rolling");
  expect((await happened(path)).slice(4)).toEqual([
    "first other service 0",
    "second other hook 1000 hello",
    "for one",
    "for one",
  ]);
  projects.make("rolled", { "compose.yaml": DUTIES.replace("echo first", "exit 1; echo first") });
  const before = await engine.mustWharf("ps", "-q", "--no-trunc");
  const failed = await projects.run(path, ["up", "-d", "--rolling"]);
  expect(failed.exitCode).toBe(1);
  expect(failed.stderr).toContain("services.app.pre_start[0] exited with status 1");
  expect((await engine.mustWharf("ps", "-q", "--no-trunc")).split("\n").toSorted()).toEqual(
    before.split("\n").toSorted(),
  );
}, 60_000);

test("the user's proxies are variables of containers, hooks and builds, unless these say otherwise", async () => {
  const path = projects.make("proxied", {
    "client/config.json": JSON.stringify({
      proxies: { default: { httpProxy: "http://proxy:1", noProxy: "db" } },
    }),
    Dockerfile: "FROM busybox\nRUN echo built with $HTTP_PROXY >/built\n",
    "compose.yaml": `services:
  web:
    image: busybox
    command: sh -c 'cat /data/hook; echo $$HTTP_PROXY $$http_proxy $$NO_PROXY'
    environment: {NO_PROXY: mine}
    volumes: [data:/data]
    pre_start: [{command: "sh -c 'echo hook $$HTTP_PROXY >/data/hook'"}]
  made: {build: ., command: cat /built}
volumes: {data: }
`,
  });
  const config = { DOCKER_CONFIG: `${path}/client` };
  const up = await projects.run(path, ["up", "--no-color", "--no-log-prefix"], config);
  const said = up.stdout.split("\n");
  expect(said).toContain("hook http://proxy:1");
  expect(said).toContain("http://proxy:1 http://proxy:1 mine");
  expect(said).toContain("built with http://proxy:1");
  // what the client adds is no change of the file
  const again = await projects.run(path, ["plan"], config);
  expect(again.stdout).not.toContain("recreate");
  const one = await projects.run(path, ["run", "--rm", "-T", "web", "env"], config);
  expect(one.stdout).toContain("HTTP_PROXY=http://proxy:1\n");
}, 60_000);
