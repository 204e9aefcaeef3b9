// Somebody who has started containers by hand, or has a script that does, goes over to a Compose file.
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
afterEach(async () => {
  await projects.takeAllDown();
  const all = await engine.mustDocker("ps", "-aq");
  if (all !== "") await engine.mustDocker("rm", "-fv", ...all.split("\n"));
  await engine.docker(["network", "rm", "front"]);
});

const SCRIPT = `#!/bin/sh
docker run -d --name cache --init -v kept:/data -e 'WORD=5$ two' -p 127.0.0.1::6379 \\
  --memory 64m --restart unless-stopped --label tier=back busybox sleep 1000
docker run -d --name app --init --network container:cache --cap-drop ALL --cap-add CHOWN --read-only \\
  --tmpfs /t:size=1m --health-cmd true --health-interval 90s --ulimit nofile=100:200 -w /tmp busybox sleep 1000
docker run -d --name lan --init --network front --network-alias gate --hostname box --dns 1.1.1.1 \\
  --add-host db:10.0.0.9 --stop-signal INT --stop-timeout 1 -u 1000:1000 busybox sleep 1000
`;

interface Inspected {
  readonly Config: Readonly<Record<string, unknown>> & {
    readonly Labels: Readonly<Record<string, string>>;
  };
  readonly HostConfig: Readonly<Record<string, unknown>>;
  readonly Mounts: readonly {
    readonly Type: string;
    readonly Name?: string;
    readonly Destination: string;
  }[];
}

/** What a container is, less what is Compose's own and what is made up anew each time. */
async function facts(name: string): Promise<object> {
  const answer = await engine.api("GET", `/containers/${name}/json`);
  const { Config, HostConfig, Mounts } = (await answer.json()) as Inspected;
  const labels = Object.entries(Config.Labels).filter(([key]) => !key.startsWith("com.docker."));
  const { AttachStdout: _out, AttachStderr: _err, Hostname, ...config } = Config;
  const { NetworkMode, Binds, Mounts: _mounts, ConsoleSize: _size, ...host } = HostConfig;
  return {
    ...config,
    Hostname: /^[0-9a-f]{12}$/.test(String(Hostname)) ? "" : Hostname,
    Labels: Object.fromEntries(labels),
    // an empty list says as much as none
    host: { ...host, Ulimits: host["Ulimits"] ?? [] },
    mode: String(NetworkMode).replace(/^container:.*/, "container"),
    binds: (Array.isArray(Binds) ? Binds : []).map((bind) => String(bind).replace(/:rw$/, "")),
    mounts: Mounts.map(
      ({ Type, Name, Destination }) => `${Type} ${Name} ${Destination}`,
    ).toSorted(),
  };
}

const NAMES = ["cache", "app", "lan"] as const;

async function runScript(): Promise<readonly object[]> {
  await engine.mustDocker("network", "create", "front");
  const child = Bun.spawn(["sh", "-ec", `docker() { "$WHARF" "$@"; }\n${SCRIPT}`], {
    env: { ...process.env, ...engine.environment(), WHARF: `${process.cwd()}/dist/wharf` },
    stdout: "ignore",
    stderr: "pipe",
  });
  const errors = await new Response(child.stderr).text();
  expect([await child.exited, errors]).toEqual([0, ""]);
  return await Promise.all(NAMES.map(facts));
}

async function removeAll(): Promise<void> {
  await engine.mustDocker("rm", "-f", ...NAMES);
}

test("compose import of containers that run: the file makes the same again", async () => {
  const before = await runScript();
  const text = await engine.mustWharf("compose", "import", ...NAMES);
  const path = projects.make("imported", { "compose.yaml": `${text}\n` });
  await projects.must(path, "config", "-q");
  await removeAll();
  await projects.must(path, "up", "-d");
  expect(await Promise.all(NAMES.map(facts))).toEqual([...before]);
  expect((await projects.run(path, ["plan", "--exit-code"])).exitCode).toBe(0);
  await projects.must(path, "down");
  await engine.mustDocker("network", "rm", "front");
});

test("compose import of a script: the file makes what the script made", async () => {
  const before = await runScript();
  await removeAll();
  await engine.mustDocker("volume", "rm", "kept");
  const path = projects.make("scripted", { "run.sh": SCRIPT });
  const imported = await projects.run(path, [
    "import",
    "--from-file",
    `${path}/run.sh`,
    "-o",
    `${path}/compose.yaml`,
  ]);
  expect([imported.exitCode, imported.stderr]).toEqual([0, ""]);
  await projects.must(path, "up", "-d");
  expect(await Promise.all(NAMES.map(facts))).toEqual([...before]);
  await projects.must(path, "down", "-v");
  await engine.mustDocker("network", "rm", "front");
});

test("compose import says what it cannot take over, and where a line is wrong", async () => {
  const from = async (script: string) => {
    const path = projects.make("lines", { "run.sh": script });
    return await projects.run(path, ["import", "--from-file", `${path}/run.sh`]);
  };
  const taken = await from("docker run --rm -e A=$HOME busybox true\ndocker run busybox:1 true\n");
  expect(taken.stderr).toBe(
    "WARNING: line 1: $HOME is taken as it stands: no shell has expanded it\n" +
      "WARNING: busybox: a Compose file cannot say --rm\n",
  );
  expect(taken.stdout).toContain("busybox-2:\n");
  expect(taken.stdout).not.toContain("container_name");
  const wrong = await from("\ndocker run --no-such busybox\n");
  expect([wrong.exitCode, wrong.stderr]).toEqual([1, "line 2: unknown flag: --no-such\n"]);
  const none = await from("echo docker\n");
  expect(none.stderr).toBe("there is no 'docker run' or 'docker create' line\n");
  const gone = await engine.wharf(["compose", "import", "nobody"]);
  expect(gone.stderr).toContain("No such container: nobody");
  const both = await engine.wharf(["compose", "import"]);
  expect(both.stderr).toContain(
    "name containers, or a file of 'docker run' lines with --from-file",
  );
});
