// Somebody updates a service that is in use: nobody who comes in while it is exchanged is turned away.
import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { ComposeProjects } from "../../harness/compose/compose-project.ts";
import { startEngine, type TestEngine } from "../../harness/engine.ts";
import { freePort } from "../../harness/registry/registry-server.ts";
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

interface Stack {
  readonly version: string;
  readonly port: number;
  /** Of deploy. */
  readonly deploy?: string;
  readonly isBroken?: boolean;
}

/** A web server that takes a while before it listens, and a client beside it that never stops asking. */
function stack({ version, port, deploy = "{}", isBroken = false }: Stack): string {
  return `
services:
  web:
    image: busybox
    init: true
    environment: {VERSION: "${version}"}
    command: ["sh", "-c", "mkdir /www; echo $$VERSION >/www/index.html; sleep 0.3; exec httpd -f -p ${isBroken ? 81 : 80} -h /www"]
    ports: ["${port}:80"]
    networks: {front: {aliases: [site]}}
    healthcheck: {test: ["CMD", "wget", "-qO", "/dev/null", "http://127.0.0.1/"], interval: 200ms, retries: 5, start_period: 300ms}
    deploy: ${deploy}
    pre_stop: [{command: ["sleep", "2"]}]
    stop_grace_period: 2s
  client:
    image: busybox
    init: true
    # busybox is static: nslookup looks names up, its wget does not
    command:
      - sh
      - -c
      - |
        find() { nslookup -type=a $$1 | awk '/^Address/ { found = $$2 } END { print found }'; }
        while :; do
          for name in web site; do
            address=$$(find $$name)
            until timeout 10 wget -qO- http://$$address/; do
              # on a busy machine the name may have become another's before it is asked
              before=$$address
              address=$$(find $$name)
              [ $$address != $$before ] || { echo refused $$name $$address; break; }
            done
          done
        done
    networks: [front]
    depends_on: {web: {condition: service_healthy}}
    stop_grace_period: 1s
networks: {front: }
`;
}

/** Asks a port of the host, each time by a new connection, until told to stop. */
class Load {
  readonly answers: Map<string, number> = new Map<string, number>();
  readonly #url: string;
  readonly #stop = new AbortController();
  readonly #workers: Promise<void>[];

  constructor(url: string, workers: number) {
    this.#url = url;
    this.#workers = Array.from({ length: workers }, () => this.#work());
  }

  async #work(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const answer = await this.#ask();
      this.answers.set(answer, (this.answers.get(answer) ?? 0) + 1);
    }
  }

  async #ask(): Promise<string> {
    try {
      const response = await fetch(this.#url, {
        keepalive: false,
        headers: { Connection: "close" },
      });
      return (await response.text()).trim();
    } catch (error) {
      return `failed: ${String(error)}`;
    }
  }

  async end(): Promise<readonly string[]> {
    this.#stop.abort();
    await Promise.all(this.#workers);
    return [...this.answers.keys()].toSorted();
  }
}

const clientSaw = async (path: string): Promise<readonly string[]> => {
  const lines = (await projects.must(path, "logs", "--no-log-prefix", "client")).split("\n");
  return [...new Set(lines)].toSorted();
};

test("up --rolling refuses no connection, by the published port or by name", async () => {
  const port = await freePort();
  const path = projects.make("roll", { "compose.yaml": stack({ version: "one", port }) });
  await projects.must(path, "up", "-d", "--wait");
  const load = new Load(`http://127.0.0.1:${port}/`, 4);
  await waitUntil(
    "there is load",
    () => Promise.resolve((load.answers.get("one") ?? 0) > 20),
    60_000,
  );
  projects.make("roll", { "compose.yaml": stack({ version: "two", port }) });
  const before = await engine.mustDocker("inspect", "-f", "{{.Id}}", "roll-web-1");
  const rolled = await projects.run(path, ["up", "-d", "--rolling"]);
  expect([rolled.exitCode, rolled.stderr]).toEqual([
    0,
    expect.stringContaining("Container roll-web-1  Updated"),
  ]);
  const seen = load.answers.get("two") ?? 0;
  await waitUntil(
    "the new one serves",
    () => Promise.resolve((load.answers.get("two") ?? 0) > seen + 20),
    60_000,
  );
  expect(await load.end()).toEqual(["one", "two"]);
  await waitUntil("the client saw it", async () => (await clientSaw(path)).includes("two"), 60_000);
  expect(await clientSaw(path)).toEqual(["one", "two"]);
  // what is there now is what the file says, under its own name, with the port and the names
  expect(await engine.mustDocker("inspect", "-f", "{{.Id}}", "roll-web-1")).not.toBe(before);
  expect(await engine.mustDocker("ps", "-aq", "--filter", "name=_roll")).toBe("");
  expect(await engine.mustDocker("port", "roll-web-1", "80")).toContain(String(port));
  expect((await projects.run(path, ["plan", "--exit-code"])).exitCode).toBe(0);
  await projects.must(path, "restart", "web");
  await waitUntil(
    "it serves after a restart",
    async () => {
      const answer = await fetch(`http://127.0.0.1:${port}/`).catch(() => undefined);
      return (await answer?.text())?.trim() === "two";
    },
    60_000,
  );
});

test("up --rolling of one that does not become healthy leaves the old one in its place", async () => {
  const port = await freePort();
  const deploy = "{replicas: 1}";
  const path = projects.make("bad", { "compose.yaml": stack({ version: "one", port, deploy }) });
  await projects.must(path, "up", "-d", "--wait");
  const before = await engine.mustDocker("inspect", "-f", "{{.Id}}", "bad-web-1");
  const load = new Load(`http://127.0.0.1:${port}/`, 2);
  const broken = stack({ version: "two", port, deploy, isBroken: true });
  projects.make("bad", { "compose.yaml": broken });
  const rolled = await projects.run(path, ["up", "-d", "--rolling"]);
  expect(rolled.exitCode).toBe(1);
  expect(rolled.stderr).toContain(
    "services.web: the update failed, what was there before runs on: bad-web-1: ",
  );
  expect(rolled.stderr).toContain("is unhealthy");
  expect(await load.end()).toEqual(["one"]);
  expect(await clientSaw(path)).toEqual(["one"]);
  expect(await engine.mustDocker("inspect", "-f", "{{.Id}}", "bad-web-1")).toBe(before);
  expect(await engine.mustDocker("ps", "-aq", "--filter", "name=_bad")).toBe("");
});

/** Replicas that are exchanged one by one; the second new one is made to fail. */
function replicas(version: string, action: string, failing: boolean): string {
  const fails = failing
    ? "[ $$(hostname -i) != x ] && [ -e /shared/failed ] && exit 3; touch /shared/failed;"
    : "";
  return `
services:
  work:
    image: busybox
    init: true
    command: ["sh", "-c", "${fails} echo ${version} >/tmp/version; exec sleep 1000"]
    volumes: ["shared:/shared"]
    healthcheck: {test: ["CMD", "test", "-e", "/tmp/version"], interval: 100ms, start_period: 100ms}
    deploy: {replicas: 3, update_config: {parallelism: 1, failure_action: ${action}}}
    stop_grace_period: 1s
volumes: {shared: }
`;
}

const OUTCOMES: readonly (readonly [action: string, versions: readonly string[]])[] = [
  ["rollback", ["one", "one", "one"]],
  ["pause", ["one", "one", "two"]],
];

for (const [action, versions] of OUTCOMES) {
  test(`up --rolling of replicas: one that fails, with failure_action ${action}`, async () => {
    const name = `many-${action}`;
    const path = projects.make(name, { "compose.yaml": replicas("one", action, false) });
    await projects.must(path, "up", "-d", "--wait");
    projects.make(name, { "compose.yaml": replicas("two", action, true) });
    const rolled = await projects.run(path, ["up", "-d", "--rolling"]);
    expect(rolled.exitCode).toBe(1);
    expect(rolled.stderr).toContain("exited (3)");
    const found = await Promise.all(
      [1, 2, 3].map((number) =>
        engine.mustDocker("exec", `${name}-work-${number}`, "cat", "/tmp/version"),
      ),
    );
    expect(found.toSorted()).toEqual([...versions]);
    expect((await engine.mustDocker("ps", "-aq")).split("\n")).toHaveLength(3);
  });
}

test("up --rolling with order stop-first, and what an interrupted one leaves", async () => {
  const text = (version: string): string => `
services:
  work:
    image: busybox
    init: true
    command: ["sh", "-c", "echo ${version} >/tmp/version; exec sleep 1000"]
    networks: {front: {ipv4_address: 10.213.77.9}}
    deploy: {update_config: {order: ORDER}}
    stop_grace_period: 1s
networks: {front: {ipam: {config: [{subnet: 10.213.77.0/24}]}}}
`;
  const path = projects.make("order", {
    "compose.yaml": text("one").replace("ORDER", "start-first"),
  });
  await projects.must(path, "up", "-d");
  projects.make("order", { "compose.yaml": text("two").replace("ORDER", "start-first") });
  const refused = await projects.run(path, ["up", "-d", "--rolling"]);
  expect(refused.stderr).toContain(
    "services.work.networks.front.ipv4_address: the new container cannot have it beside the old one",
  );
  projects.make("order", { "compose.yaml": text("two").replace("ORDER", "stop-first") });
  await projects.must(path, "up", "-d", "--rolling");
  const version = (): Promise<string> =>
    engine.mustDocker("exec", "order-work-1", "cat", "/tmp/version");
  await waitUntil("the new one runs", async () => (await version()) === "two", 60_000);
  // as one that was killed leaves it: the new one made, the old one still there
  const labels = [
    ...["com.docker.compose.project=order", "com.docker.compose.service=work"],
    ...["com.docker.compose.container-number=1", "com.docker.compose.replace=order-work-1"],
    ...["com.docker.compose.oneoff=False", "com.docker.compose.config-hash=x"],
  ].flatMap((label) => ["-l", label]);
  await engine.mustDocker("create", "--name", "0123456789ab_order-work-1", ...labels, "busybox");
  expect(await projects.must(path, "plan")).toContain(
    "0123456789ab_order-work-1  remove: left over of an update that was interrupted",
  );
  await projects.must(path, "up", "-d");
  expect((await engine.mustDocker("ps", "-aq")).split("\n")).toHaveLength(1);
  expect(await version()).toBe("two");
});
