// A user's builds have every key of the specification: caches, attestations, several platforms, files of other services;
// what fails is told with its place. The unmodified docker compose builds the same here.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { addBuildx, hasBuildx } from "../../harness/build/buildx.ts";
import { type CommandResult, runCommand } from "../../harness/command.ts";
import { ComposeProjects } from "../../harness/compose/compose-project.ts";
import { DOCKER_COMPOSE } from "../../harness/compose/docker-compose.ts";
import { DockerRegistry } from "../../harness/registry/docker-registry.ts";
import { startEngine, type TestEngine, WHARF } from "../../harness/engine.ts";
import { waitUntil } from "../../harness/wait-until.ts";

let engine: TestEngine;
let projects: ComposeProjects;
beforeAll(async () => {
  engine = await startEngine();
  addBuildx(engine);
  projects = new ComposeProjects(engine);
});
afterAll(async () => {
  projects[Symbol.dispose]();
  await engine[Symbol.asyncDispose]();
});

const hasTheirs = DOCKER_COMPOSE !== undefined && hasBuildx;

/** The unmodified docker compose on this engine. */
async function theirs(
  path: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<CommandResult> {
  return await runCommand([DOCKER_COMPOSE ?? "", "--project-directory", path, ...args], {
    cwd: path,
    env: { ...engine.environment(), ...env },
  });
}

const inImage = (image: string, ...words: readonly string[]): Promise<string> =>
  engine.mustDocker("run", "--rm", image, ...words);

/** Keys that docker compose 2.40 knows, too. */
const WEB = {
  "compose.yaml": `services:
  base:
    build: {dockerfile_inline: "FROM busybox\\nRUN echo base >/base"}
  web:
    image: web:1
    build:
      context: ctx
      dockerfile: Web.Dockerfile
      target: run
      args: {GIVEN: "a$\${b}", ASKED: }
      labels: {org.example.kind: web}
      tags: ["web:also"]
      additional_contexts: {base: "service:base", lib: ./lib, plain: "docker-image://busybox"}
      extra_hosts: ["site=10.1.2.3"]
      secrets: [word, {source: file, target: renamed}]
      shm_size: 32m
      ulimits: {nofile: {soft: 100, hard: 200}}
      network: none
      cache_from: ["type=local,src=./cache"]
secrets: {word: {environment: WORD}, file: {file: ./word.txt}}
`,
  ".env": "WORD=from dotenv \n",
  "word.txt": "from a file",
  "lib/code": "library\n",
  "ctx/name": "context\n",
  "ctx/Web.Dockerfile": `FROM busybox AS run
ARG GIVEN
ARG ASKED
RUN --mount=type=secret,id=word --mount=type=secret,id=renamed \\
  cat /run/secrets/word /run/secrets/renamed >/said; \\
  (echo; echo "$GIVEN $ASKED"; ulimit -n; grep site /etc/hosts; ls /sys/class/net; df -k /dev/shm | awk '{print $2}' | tail -1) >>/said
COPY --from=base /base /base
COPY --from=lib code /code
COPY --from=plain /bin/busybox /other
COPY name /name
FROM busybox
RUN false
`,
};
const SAID =
  "from dotenvfrom a file\na${b} two\n100\n10.1.2.3\tsite\nlo\n32768\nbase\nlibrary\ncontext";

async function saysAll(project: string): Promise<void> {
  expect(await inImage("web:also", "cat", "/said", "/base", "/code", "/name")).toBe(SAID);
  const labels = await engine.mustDocker("inspect", "-f", "{{json .Config.Labels}}", "web:1");
  expect(JSON.parse(labels)).toMatchObject({
    "org.example.kind": "web",
    "com.docker.compose.project": project,
    "com.docker.compose.service": "web",
  });
}

describe("wharf compose build", () => {
  test("builds with every key, in one view of all services", async () => {
    const path = projects.make("keys", WEB);
    const built = await projects.run(path, ["build", "web"], { ASKED: "two" });
    expect(built.stderr).toContain(" Image web:1  Built\n Image keys-base  Built\n");
    expect(built.exitCode).toBe(0);
    for (const step of ["[base 2/2] RUN echo base >/base", "[web run 2/6] RUN --mount"]) {
      expect(built.stdout).toContain(step);
    }
    await saysAll("keys");
  });

  test.skipIf(!hasTheirs)("docker compose builds the same, and prints the same", async () => {
    const path = projects.make("same", WEB);
    const built = await theirs(path, ["build", "web"], { ASKED: "two" });
    expect([built.exitCode, built.exitCode === 0 ? "" : built.stderr]).toEqual([0, ""]);
    await saysAll("same");
    for (const words of [
      ["base"],
      ["base", "--push", "--no-cache", "--build-arg", "A=b", "--pull"],
    ]) {
      const [ours, other] = await Promise.all([
        projects.run(path, ["build", "--print", ...words]),
        theirs(path, ["build", "--print", ...words]),
      ]);
      const version = /("com.docker.compose.version": ")[^"]*/;
      expect(ours.stdout.trim().replace(version, "$1")).toBe(
        other.stdout.trim().replace(version, "$1"),
      );
    }
  });

  test("keeps a cache in a folder, renews one stage, limits memory, is quiet", async () => {
    const file = (filter: string): Readonly<Record<string, string>> => ({
      "compose.yaml": `services:
  app:
    build:
      no_cache_filter: ${filter}
      cache_to: ["type=local,dest=${projects.folder}/kept"]
      dockerfile_inline: |
        FROM busybox AS one
        RUN cat /proc/sys/kernel/random/uuid >/one
        FROM busybox AS two
        RUN cat /proc/sys/kernel/random/uuid >/two
        FROM busybox
        COPY --from=one /one /
        COPY --from=two /two /
`,
    });
    const path = projects.make("cached", file("[]"));
    const stages = async (): Promise<readonly string[]> =>
      (await inImage("cached-app", "cat", "/one", "/two")).split("\n");
    const quiet = await projects.run(path, ["build", "-q"]);
    expect([quiet.exitCode, quiet.stdout, quiet.stderr]).toEqual([0, "", ""]);
    const first = await stages();
    expect(readdirSync(join(projects.folder, "kept")).toSorted()).toEqual([
      "blobs",
      "index.json",
      "oci-layout",
    ]);
    projects.make("cached", file("two"));
    await projects.must(path, "build", "-q");
    const second = await stages();
    expect([second[0] === first[0], second[1] === first[1]]).toEqual([true, false]);
    projects.make("cached", {
      "compose.yaml": `services: {app: {build: {dockerfile_inline: "FROM busybox\\nRUN head -c 90000000 /dev/zero | tail -c 80000000 >/dev/null"}}}`,
    });
    const limited = await projects.run(path, ["build", "-m", "24m"]);
    expect([limited.exitCode, limited.stderr.includes("did not complete")]).toEqual([1, true]);
  });

  test("makes several platforms and attestations, and pushes them", async () => {
    await using registry = await DockerRegistry.start();
    const image = `${registry.address}/team/app:1`;
    const path = projects.make("several", {
      "compose.yaml": `services:
  app:
    image: ${image}
    build: {dockerfile_inline: "FROM scratch\\nCOPY f /", platforms: [linux/amd64, linux/arm64], provenance: mode=max, sbom: true}
  plain:
    build: {dockerfile_inline: "FROM scratch\\nCOPY f /"}
`,
      f: "file\n",
    });
    const manifests = async (name: string): Promise<readonly string[]> => {
      const query = "/json?manifests=1";
      const found = (await (await engine.api("GET", `/images/${name}${query}`)).json()) as {
        readonly Manifests?: readonly { readonly Kind: string }[];
      };
      return (found.Manifests ?? []).map(({ Kind }) => Kind).toSorted();
    };
    await projects.must(path, "build", "--push", "-q");
    const kinds = ["attestation", "attestation", "image", "image"];
    expect(await manifests(encodeURIComponent(image))).toEqual(kinds);
    const pushed = JSON.parse(await registry.manifest("team/app", "1")) as {
      readonly manifests: readonly object[];
    };
    expect(pushed.manifests).toHaveLength(4);
    await projects.must(path, "build", "-q", "--provenance", "false", "--sbom", "false", "app");
    expect(await manifests(encodeURIComponent(image))).toEqual(["image", "image"]);
    await projects.must(path, "build", "-q", "--provenance", "true", "plain");
    expect(await manifests("several-plain")).toEqual(["attestation", "image"]);
  });

  test("one that fails ends the others, and is told with its lines and its place", async () => {
    const path = projects.make("fails", {
      "compose.yaml": `services:
  long: {build: {dockerfile_inline: "FROM busybox\\nRUN sleep 1000"}}
  bad:
    build:
      dockerfile_inline: |
        FROM busybox
        RUN echo said; exit 3
  lost: {profiles: [lost], build: {dockerfile_inline: "FROM lib", additional_contexts: {lib: ./nowhere}}}
`,
    });
    const failed = await projects.run(path, ["build"]);
    expect(failed.exitCode).toBe(1); // the other would take longer than a command of a test may
    expect(failed.stderr).toStartWith(
      "Dockerfile:2\n--------------------\n   1 |     FROM busybox\n",
    );
    expect(failed.stderr).toEndWith(
      'compose.yaml:5:7: target bad: failed to solve: process "/bin/sh -c echo said; exit 3" did not complete successfully: exit code: 3\n',
    );
    const lost = await projects.run(path, ["--profile", "lost", "build"]);
    expect([lost.exitCode, lost.stdout]).toEqual([1, ""]);
    expect(lost.stderr).toContain(
      `compose.yaml:8:89: services.lost.build.additional_contexts.lib: path "${path}/nowhere" not found\n`,
    );
    const classic = await projects.run(path, ["build", "bad"], { DOCKER_BUILDKIT: "0" });
    expect(classic.stderr).toContain(
      "The command '/bin/sh -c echo said; exit 3' returned a non-zero",
    );
  });

  test("an interrupt cancels what is built", async () => {
    const path = projects.make("long", {
      "compose.yaml": `services:
  a: {build: {dockerfile_inline: "FROM busybox\\nRUN sleep 1234567"}}
  b: {build: {dockerfile_inline: "FROM busybox\\nRUN sleep 1234568"}}
`,
    });
    const argv = [WHARF, "compose", "--progress", "json", "--project-directory", path, "build"];
    const client = Bun.spawn(argv, {
      ...{ stdin: "ignore", stdout: "pipe", stderr: "ignore" },
      env: { ...process.env, ...engine.environment() },
    });
    let seen = "";
    const reading = (async () => {
      const decoder = new TextDecoder();
      for await (const bytes of client.stdout) seen += decoder.decode(bytes, { stream: true });
    })();
    // each line is an event: both steps have begun
    const hasBegun = (step: string): boolean =>
      seen.split("\n").some((line) => line.includes(step) && line.includes('"started"'));
    await waitUntil("both builds run", async () => hasBegun("1234567") && hasBegun("1234568"));
    client.kill("SIGINT");
    expect(await client.exited).toBe(130);
    await reading;
    await waitUntil("no step runs", async () => {
      const { stdout } = await runCommand(["ps", "-eo", "args"]);
      return !/^sleep 123456[78]$/m.test(stdout);
    });
  });
});

describe("wharf compose plan", () => {
  test("says what is built, and why", async () => {
    const path = projects.make("why", {
      "compose.yaml": `services:
  base: {profiles: [no], build: {dockerfile_inline: "FROM busybox\\nRUN echo 1 >/b"}}
  web: {build: {dockerfile_inline: "FROM busybox\\nCOPY --from=base /b /b", additional_contexts: {base: "service:base"}}, command: "true"}
`,
    });
    const builds = async (...words: readonly string[]): Promise<readonly string[]> => {
      const { steps } = JSON.parse(await projects.must(path, "plan", "--json", ...words)) as {
        readonly steps: readonly {
          readonly action: string;
          readonly name: string;
          readonly why: string;
        }[];
      };
      return steps.flatMap(({ action, name, why }) =>
        action === "build" ? [`${name}: ${why}`] : [],
      );
    };
    expect(await builds()).toEqual([
      "why-base: web takes files from it",
      "why-web: it is not there",
    ]);
    await projects.must(path, "build", "-q", "web");
    expect(await builds()).toEqual([]);
    expect(await builds("--build")).toEqual([
      "why-base: web takes files from it",
      "why-web: --build is given",
    ]);
  });
});

describe("wharf compose pull", () => {
  test("brings the images of hooks, up those that are mounted", async () => {
    await using registry = await DockerRegistry.start();
    const image = (name: string): string => `${registry.address}/${name}:1`;
    for (const name of ["hook", "data"]) {
      await engine.mustDocker("tag", "busybox", image(name));
      await engine.mustDocker("push", "-q", image(name));
      await engine.mustDocker("rmi", image(name));
    }
    const path = projects.make("hooked", {
      "compose.yaml": `services:
  web:
    image: busybox
    pull_policy: never
    command: test -e /data/bin/busybox
    volumes: [{type: image, source: "${image("data")}", target: /data}]
  job:
    image: ${image("hook")}
    pull_policy: missing
    pre_start: [{image: "${image("data")}", command: ["true"]}]
`,
    });
    expect(await projects.must(path, "config", "--images")).toBe(
      ["busybox", image("hook"), image("data")].join("\n"),
    );
    const pulled = await projects.run(path, ["pull"]);
    const lines = pulled.stderr.split("\n");
    expect(lines).toContain(" job:pre_start 0 Pulled ");
    expect([pulled.exitCode, lines.includes(" web Skipped ")]).toEqual([0, true]);
    await engine.mustDocker("rmi", image("data"));
    const up = await projects.run(path, ["up", "--exit-code-from", "web", "web"]);
    expect([up.exitCode, up.stderr.includes(" web:volume 0 Pulled ")]).toEqual([0, true]);
    await projects.must(path, "down", "-t", "0");
  });
});
