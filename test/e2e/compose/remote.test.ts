// Compose files in Git repositories: included, extended and named by -f, as docker compose reads them and from the same
// checkouts.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type CommandResult, runCommand } from "../../harness/command.ts";
import { DOCKER_COMPOSE } from "../../harness/compose/docker-compose.ts";
import { WHARF } from "../../harness/engine.ts";
import { GitServer } from "../../harness/git-server.ts";

const hasGit = Bun.which("git") !== null;
let server: GitServer;
let folder: string;
let first: string;
beforeAll(async () => {
  if (!hasGit) return;
  folder = mkdtempSync("/var/tmp/wharf-remote-");
  server = await GitServer.start();
  symlinkSync("/etc/hostname", join(server.folder, "app.git/evil.yaml"));
  first = await server.commit(
    {
      "compose.yaml":
        "services:\n  web: {image: busybox, env_file: [web.env], volumes: ['./data:/data']}\n",
      "web.env": "SAID=first\n",
      "sub/compose.yml":
        "name: sub\nservices:\n  low: {image: busybox, build: ., env_file: low.env}\n",
      "sub/low.env": "LOW=1\n",
      "more.yaml": "include: [sub/compose.yml]\n",
    },
    "v1",
  );
  await server.commit({ "web.env": "SAID=second\n" });
  await server.git("branch", "other/main", "v1"); // ends like main, and is listed before it
});
afterAll(async () => {
  if (!hasGit) return;
  await server[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

const cache = (): string => join(folder, "cache/docker-compose");

async function config(
  tool: readonly string[],
  name: string,
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<CommandResult> {
  return await runCommand([...tool, ...args, "config"], {
    cwd: join(folder, name),
    env: {
      XDG_CACHE_HOME: join(folder, "cache"),
      DOCKER_HOST: "unix:///nowhere/no-engine.sock",
      WHARF_AUTOSTART: "0",
      ...env,
    },
  });
}

function project(name: string, text: string): string {
  mkdirSync(join(folder, name), { recursive: true });
  writeFileSync(join(folder, name, "compose.yaml"), text.replaceAll("URL", server.url));
  return name;
}

const OURS = [WHARF, "compose"];
const THEIRS = [DOCKER_COMPOSE ?? ""];

describe.skipIf(!hasGit)("files of a Git repository", () => {
  test.each([
    ["the top of its default branch", "include: ['URL']\n", "SAID: second"],
    ["a tag", "include: ['URL#v1']\n", "SAID: first"],
    ["a branch, and no other that ends so", "include: ['URL#main']\n", "SAID: second"],
    ["a folder", "include: ['URL#main:sub']\n", 'LOW: "1"'],
    ["a file that includes others", "include: ['URL#:more.yaml']\n", 'LOW: "1"'],
    ["a file below one of one's own", "include: [{path: ['URL', over.yaml]}]\n", "hostname: mine"],
    [
      "a service that one extends",
      "services: {web: {extends: {file: 'URL#v1', service: web}, hostname: x}}\n",
      "SAID: first",
    ],
  ])("%s", async (_kind, text, part) => {
    const name = project("reads", text);
    writeFileSync(join(folder, name, "over.yaml"), "services: {web: {hostname: mine}}\n");
    const ours = await config(OURS, name);
    expect([ours.exitCode, ours.stderr]).toEqual([0, ""]);
    expect(ours.stdout).toContain(part);
    if (DOCKER_COMPOSE) expect(ours.stdout).toBe((await config(THEIRS, name)).stdout);
  });

  test("named by -f; a commit that is here needs no server", async () => {
    const name = project("named", "services: {}\n");
    for (const file of [server.url, `${server.url}#:sub`]) {
      const ours = await config(OURS, name, ["-f", file]);
      expect([ours.exitCode, ours.stderr]).toEqual([0, ""]);
      if (DOCKER_COMPOSE) {
        expect(ours.stdout).toBe((await config(THEIRS, name, ["-f", file])).stdout);
      }
    }
    const gone = `git://127.0.0.1:1/app.git#${first}`;
    const again = await config(OURS, name, ["-f", gone]);
    expect(again.stdout).toContain("SAID: first");
    // one that was broken off is fetched anew, and nothing half-done stays
    rmSync(join(cache(), first, ".git/HEAD"));
    const away = await config(OURS, name, ["-f", gone]);
    expect([away.exitCode, away.stderr.split("\n").length]).toEqual([1, 2]);
    expect((await config(OURS, name, ["-f", `${server.url}#v1`])).exitCode).toBe(0);
    expect(readdirSync(cache()).filter((each) => !/^[0-9a-f]{40}$/.test(each))).toEqual([]);
  });

  test.each([
    ["no such ref", "URL#nope", "URL#nope: the repository does not contain ref nope"],
    ["no such file", "URL#main:nope.yaml", "URL#main:nope.yaml: the repository has no nope.yaml"],
    ["out of it", "URL#main:../..", "git subdirectory path traversal detected: ../.."],
    ["out of it by a link", "URL#main:evil.yaml", "evil.yaml leads out of the repository"],
    ["no repository", "URL2.git", "git ls-remote: fatal: "],
    ["no Git", "https://127.0.0.1:1/compose.yaml", "compose.yaml:1:11: include https://"],
    ["a program", "ext::sh -c touch%20pwned", "compose.yaml:1:11: open "],
    ["an option", "ssh://-oProxyCommand=x/a.git", "compose.yaml:1:11: include ssh://-o"],
  ])("%s is one clear error", async (_kind, file, said) => {
    const name = project("faulty", `include: ['${file}']\n`);
    const { exitCode, stdout, stderr } = await config(OURS, name);
    expect([exitCode, stdout, stderr.split("\n").length]).toEqual([1, "", 2]);
    expect(stderr).toContain(said.replaceAll("URL", server.url));
  });

  test("may be turned off", async () => {
    const name = project("off", "include: ['URL']\n");
    const asked = async (value: string): Promise<string> =>
      (await config(OURS, name, [], { COMPOSE_EXPERIMENTAL_GIT_REMOTE: value })).stderr;
    expect(await asked("0")).toBe(
      'git remote resource is disabled by "COMPOSE_EXPERIMENTAL_GIT_REMOTE"\n',
    );
    expect(await asked("perhaps")).toStartWith("COMPOSE_EXPERIMENTAL_GIT_REMOTE environment");
    expect(await asked("true")).toBe("");
  });
});
