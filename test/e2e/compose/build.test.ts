// A user builds the images of an application, shares them by a registry, and starts from what was built.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createServer, type Server } from "node:net";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DockerRegistry } from "../../harness/registry/docker-registry.ts";
import { startEngine, type TestEngine } from "../../harness/engine.ts";
import type { CommandResult } from "../../harness/command.ts";

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

function project(name: string, text: string): string {
  const path = join(folder, name);
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, "compose.yaml"), text);
  return path;
}

const asked = (path: string, args: readonly string[], env = {}): Promise<CommandResult> =>
  engine.wharf(["compose", "--project-directory", path, ...args], { env });
const compose = async (path: string, ...args: readonly string[]): Promise<string> => {
  const { exitCode, stdout, stderr } = await asked(path, args);
  if (exitCode !== 0) throw new Error(`${args.join(" ")}: ${stderr}`);
  return stdout.trim();
};
const inImage = (image: string, ...words: readonly string[]): Promise<string> =>
  engine.mustDocker("run", "--rm", image, ...words);

describe("wharf compose build", () => {
  test("builds with arguments, labels, tags, secrets, an agent and further contexts", async () => {
    const path = project(
      "keys",
      `services:
  base:
    build: {dockerfile_inline: "FROM busybox\\nRUN echo base >/base"}
  web:
    image: keys-web:1
    build:
      context: .
      dockerfile: files/Web.Dockerfile
      target: run
      args: {GIVEN: one, ASKED: }
      labels: {org.example.kind: web}
      tags: ["keys-web:also"]
      additional_contexts: {base: "service:base", lib: ./lib, plain: "docker-image://busybox"}
      extra_hosts: ["site=10.1.2.3"]
      secrets: [word, {source: file, target: renamed}]
      ssh: [default]
      shm_size: 32m
      ulimits: {nofile: {soft: 100, hard: 200}}
      network: none
      entitlements: [security.insecure]
secrets: {word: {environment: WORD}, file: {file: ./word.txt}}
`,
    );
    mkdirSync(join(path, "files"));
    mkdirSync(join(path, "lib"));
    writeFileSync(join(path, "lib", "code"), "library\n");
    writeFileSync(join(path, "word.txt"), "from a file");
    writeFileSync(
      join(path, "files", "Web.Dockerfile"),
      `FROM busybox AS run
ARG GIVEN
ARG ASKED
ARG MORE
RUN --mount=type=secret,id=word --mount=type=secret,id=renamed \\
  cat /run/secrets/word /run/secrets/renamed >/secrets; \\
  echo "$GIVEN $ASKED $MORE" >/args; ulimit -n >/files; grep site /etc/hosts >/hosts; df -k /dev/shm | tail -1 >/shm
RUN --mount=type=ssh test -S "$SSH_AUTH_SOCK" && echo yes >/agent
RUN --security=insecure grep CapEff /proc/self/status >/caps
COPY --from=base /base /base
COPY --from=lib code /code
COPY --from=plain /bin/busybox /other
FROM busybox
RUN false
`,
    );
    const socket = join(path, "agent.sock");
    const agent: Server = createServer();
    await new Promise<void>((resolve) => agent.listen(socket, resolve));
    try {
      const built = await asked(path, ["build", "web", "--build-arg", "MORE=three"], {
        WORD: "hidden ",
        ASKED: "two",
        SSH_AUTH_SOCK: socket,
      });
      expect(built.stderr).toContain(" Image keys-web:1  Built");
      expect(built.exitCode).toBe(0);
      expect(built.stdout).toContain("[base 2/2] RUN echo base >/base");
      expect(built.stdout).not.toContain("hidden");
    } finally {
      await new Promise((resolve) => agent.close(resolve));
    }
    const said = await inImage(
      "keys-web:also",
      ...["sh", "-c", "cat /secrets /args /files /hosts /agent /base /code; cut -c1-12 /caps"],
    );
    expect(said).toContain("hidden from a fileone two three\n100\n10.1.2.3");
    expect(said).toContain("yes\nbase\nlibrary");
    const labels = await engine.mustDocker(
      "inspect",
      "-f",
      "{{json .Config.Labels}}",
      "keys-web:1",
    );
    expect(JSON.parse(labels)).toMatchObject({
      "org.example.kind": "web",
      "com.docker.compose.project": "keys",
      "com.docker.compose.service": "web",
    });
    const printed = JSON.parse(await compose(path, "build", "--print", "web")) as {
      readonly target: Readonly<Record<string, object>>;
    };
    expect(printed.target["web"]).toMatchObject({
      contexts: { base: "target:base", lib: join(path, "lib"), plain: "docker-image://busybox" },
      dockerfile: join(path, "files/Web.Dockerfile"),
      secret: ["id=word,type=env,env=WORD", `id=renamed,type=file,src=${join(path, "word.txt")}`],
      output: ["type=docker"],
    });
  });

  test("an image that others are made of is built before them; one that fails is named", async () => {
    const path = project(
      "order",
      `services:
  top: {build: {dockerfile_inline: "FROM order-base:1\\nRUN cat /mark"}, command: "true"}
  base: {image: "order-base:1", build: {dockerfile_inline: "FROM busybox\\nRUN echo 1 >/mark"}}
  bad: {profiles: [bad], build: {dockerfile_inline: "FROM busybox\\nRUN exit 3"}}
  lost: {profiles: [bad], build: ./nowhere}
`,
    );
    await compose(path, "build", "-q");
    expect(await inImage("order-top", "cat", "/mark")).toBe("1");
    const bad = await asked(path, ["build", "bad"]);
    expect(bad.exitCode).toBe(1);
    expect(bad.stderr).toStartWith("Dockerfile:2\n--------------------\n");
    expect(bad.stderr).toContain(
      `compose.yaml:4:34: failed to solve: process "/bin/sh -c exit 3" did not complete successfully: exit code: 3`,
    );
    const lost = await asked(path, ["build", "lost"]);
    expect(lost.exitCode).toBe(1);
    expect(lost.stderr).toContain(`path ${JSON.stringify(join(path, "nowhere"))} not found`);
    const unknown = await asked(path, ["build", "--builder", "other"]);
    expect(unknown.stderr).toContain('no builder "other" found');
    const checked = await asked(path, ["build", "--check", "base"]);
    expect([checked.exitCode, checked.stdout]).toEqual([
      0,
      "base\n\nCheck complete, no warnings found.\n",
    ]);
  });

  test("up builds what is missing, with --build what there is, with --no-build nothing", async () => {
    const file = (mark: string): string => `services:
  web:
    build: {dockerfile_inline: "FROM busybox\\nRUN echo ${mark} >/mark\\nCMD sleep 1000"}
    init: true
    stop_grace_period: 1s
`;
    const path = project("start", file("one"));
    const mark = (): Promise<string> =>
      engine.mustDocker("exec", "start-web-1", "cat", "/mark").then((text) => text.trim());
    const refused = await asked(path, ["up", "-d", "--no-build"]);
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toContain("No such image: start-web");
    await compose(path, "up", "-d", "--quiet-build");
    expect(await mark()).toBe("one");
    project("start", file("two"));
    await compose(path, "up", "-d");
    expect(await mark()).toBe("one");
    const dry = await asked(path, ["build", "--dry-run"]);
    expect(dry.stderr).toContain(" DRY-RUN MODE -  Image start-web  Building");
    await compose(path, "create", "--build");
    await compose(path, "start");
    expect(await mark()).toBe("two");
    project("start", file("three"));
    await compose(path, "up", "-d", "--build");
    expect(await mark()).toBe("three");
    await compose(path, "down", "-t", "0", "--rmi", "local");
    expect(await engine.mustDocker("images", "-q", "start-web")).toBe("");
  });

  test("pushes what it builds, pulls what others pushed", async () => {
    await using registry = await DockerRegistry.start();
    const image = `${registry.address}/team/app:1`;
    const path = project(
      "shared",
      `services:
  app: {image: "${image}", build: {dockerfile_inline: "FROM busybox\\nRUN echo shared >/mark"}}
  same: {image: "${image}", depends_on: [built]}
  built: {build: {dockerfile_inline: "FROM busybox"}}
  gone: {image: "${registry.address}/team/gone", profiles: [gone]}
`,
    );
    await compose(path, "build", "--push", "--with-dependencies", "app");
    await engine.mustDocker("rmi", image);
    const pulled = await asked(path, ["pull"]);
    expect(pulled.exitCode).toBe(0);
    const lines = pulled.stderr.split("\n");
    expect(lines).toContain(" app Pulled ");
    expect(lines).toContain(" same Skipped - Image is already being pulled by app ");
    expect(lines).toContain(" built Skipped - No image to be pulled ");
    expect(await inImage(image, "cat", "/mark")).toBe("shared");
    const quiet = await asked(path, [
      "pull",
      "-q",
      "--policy",
      "missing",
      "--include-deps",
      "same",
    ]);
    expect(quiet.stderr.split("\n")).toContain(" same Skipped - Image is already present locally ");
    const ignored = await asked(path, ["pull", "--ignore-buildable", "app"]);
    expect(ignored.stderr).toBe(" app Skipped - Image can be built \n");
    const failed = await asked(path, ["pull", "gone"]);
    expect(failed.exitCode).toBe(1);
    expect(failed.stderr).toContain(" gone Error ");
    expect((await asked(path, ["pull", "--ignore-pull-failures", "gone"])).exitCode).toBe(0);

    const pushed = await asked(path, ["push"]);
    expect(pushed.stderr.split("\n")).toContain(" app Pushed ");
    expect(pushed.stderr.split("\n")).toContain(" same Skipped ");
    await engine.mustDocker("rmi", image);
    const missing = await asked(path, ["push", "--include-deps", "app"]);
    expect(missing.exitCode).toBe(1);
    expect(missing.stderr).toContain(
      `An image does not exist locally with the tag: ${registry.address}/team/app`,
    );
    expect((await asked(path, ["push", "-q", "--ignore-push-failures", "app"])).stderr).toBe("");
  });

  test("publishes the files as an artifact that docker compose reads", async () => {
    await using registry = await DockerRegistry.start();
    const image = `${registry.address}/web:1`;
    await engine.mustDocker("tag", "busybox", image);
    await engine.mustDocker("push", "-q", image);
    const path = project(
      "shown",
      `services: {web: {image: "${image}", environment: {A: one}, env_file: [web.env]}}\n`,
    );
    writeFileSync(join(path, "web.env"), "SECRET=word\n");
    writeFileSync(join(path, "more.yaml"), "services: {web: {labels: {more: yes}}}\n");
    const target = `${registry.address}/app:1`;
    const bare = await asked(path, ["publish", target]);
    expect([bare.exitCode, bare.stderr.includes("--with-env")]).toEqual([1, true]);
    const unsure = await engine.wharf(
      ["compose", "--project-directory", path, "publish", "--with-env", target],
      { input: "n\n" },
    );
    expect(unsure.stdout).toContain("Service/Config  web\nA=one\nSECRET=word\n");
    const dry = await asked(path, ["publish", "-y", "--dry-run", target]);
    expect(dry.stderr).toContain(` DRY-RUN MODE -  ${target} published `);
    const published = await asked(path, [
      ...["-f", join(path, "compose.yaml"), "-f", join(path, "more.yaml"), "publish", "-y"],
      ...["--with-env", "--resolve-image-digests", "--insecure-registry", target],
    ]);
    expect(published.stderr).toBe(` ${target} publishing \n ${target} published \n`);
    interface Manifest {
      readonly artifactType?: string;
      readonly layers: readonly {
        readonly digest: string;
        readonly annotations: Readonly<Record<string, string>>;
      }[];
    }
    const manifest = JSON.parse(await registry.manifest("app", "1")) as Manifest;
    expect(manifest.artifactType).toBe("application/vnd.docker.compose.project");
    const names = manifest.layers.map(({ annotations }) => Object.values(annotations)[0]);
    expect(names).toEqual(["compose.yaml", "more.yaml", "web.env", "image-digests.yaml"]);
    const pinned = await fetch(
      `http://${registry.address}/v2/app/blobs/${manifest.layers[3]?.digest ?? ""}`,
    );
    expect(await pinned.text()).toMatch(/image: \S+\/web@sha256:[0-9a-f]{64}\n/);
    // who has nothing but its name brings it up
    const remote = async (...args: readonly string[]) =>
      await engine.wharf(["compose", "-f", `oci://${target}`, ...args], {
        env: { XDG_CACHE_HOME: join(path, "cache") },
      });
    const read = await remote("config");
    expect([read.exitCode, read.stderr]).toEqual([0, ""]);
    expect(read.stdout).toStartWith("name: app\nservices:\n  web:\n");
    for (const part of ["A: one", "SECRET: word", 'more: "yes"', "@sha256:"]) {
      expect(read.stdout).toContain(part);
    }
    expect((await remote("up", "--no-color")).exitCode).toBe(0);
    expect((await remote("down", "-t", "0")).exitCode).toBe(0);
    const image404 = await engine.wharf(["compose", "-f", `oci://${image}`, "config"]);
    expect([image404.exitCode, image404.stderr]).toEqual([
      1,
      `oci://${image}: it is no application that 'compose publish' has published\n`,
    ]);
    const away = await engine.wharf(["compose", "-f", `oci://${target}0`, "config"]);
    expect([away.exitCode, away.stderr.includes("app:10")]).toEqual([1, true]);
    project("includes", `include: ["oci://${target}"]\n`);
    const included = await engine.wharf(
      ["compose", "--project-directory", join(path, "../includes"), "config", "--services"],
      { env: { XDG_CACHE_HOME: join(path, "cache") } },
    );
    expect([included.exitCode, included.stdout, included.stderr]).toEqual([0, "web\n", ""]);
    const off = await engine.wharf(["compose", "-f", `oci://${target}`, "config"], {
      env: { COMPOSE_EXPERIMENTAL_OCI_REMOTE: "false" },
    });
    expect([off.exitCode, off.stderr]).toEqual([
      1,
      'oci remote resource is disabled by "COMPOSE_EXPERIMENTAL_OCI_REMOTE"\n',
    ]);
    await compose(path, "publish", "-y", "--oci-version", "1.0", `${registry.address}/app:old`);
    const old = JSON.parse(await registry.manifest("app", "old")) as Manifest;
    expect(old.artifactType).toBeUndefined();
    const app = await asked(path, ["publish", "--app", target]);
    expect([app.exitCode, app.stderr.includes("--app")]).toEqual([1, true]);
    project("shown", `include: [more.yaml]\nservices: {web: {image: "${image}"}}\n`);
    writeFileSync(join(path, "more.yaml"), "services: {other: {image: busybox}}\n");
    expect((await asked(path, ["publish", "-y", target])).stderr).toContain("local includes");
  });

  test("pull_policy: an image is pulled anew once its time is over", async () => {
    await using registry = await DockerRegistry.start();
    const image = `${registry.address}/aged:1`;
    await engine.mustDocker("tag", "busybox", image);
    await engine.mustDocker("push", "-q", image);
    const file = (policy: string): string =>
      `services: {web: {image: "${image}", pull_policy: ${policy}, command: "true"}}\n`;
    const path = project("aged", file("daily"));
    expect((await asked(path, ["create"])).stderr).not.toContain("Pulling");
    project("aged", file("every_0s"));
    expect((await asked(path, ["create"])).stderr).toContain(" web Pulling ");
    await compose(path, "down");
  });
});
