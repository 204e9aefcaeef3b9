// A user builds what a repository or a file elsewhere says.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { CommandResult } from "../../harness/command.ts";
import { startEngine, type TestEngine } from "../../harness/engine.ts";
import { GitServer } from "../../harness/git-server.ts";

const definition = `
target "default" {
  output = ["type=local,dest=out"]
}
target "sub" {
  context = "sub"
  contexts = { lib = "lib", mine = "cwd://mine" }
  output = ["type=local,dest=out"]
}
target "here" {
  dockerfile = "cwd://Dockerfile.here"
  output = ["type=local,dest=out"]
}
target "mixed" {
  context = BAKE_CMD_CONTEXT
}
target "passwd" {
  context = "cwd://.."
  dockerfile = "/etc/passwd"
}
target "secret" {
  secret = ["id=a,src=/etc/hostname"]
}
target "link" {
  context = "away"
}
target "git" {
  context = ".git"
}
`;

let engine: TestEngine;
let git: GitServer;
let next = 1;

beforeAll(async () => {
  [engine, git] = await Promise.all([startEngine(), GitServer.start()]);
  symlinkSync("/etc", join(git.folder, "app.git/away"));
  symlinkSync("/etc/hostname", join(git.folder, "app.git/link.hcl"));
  await git.commit(
    {
      "docker-bake.hcl": definition,
      "tagged.hcl": 'target "default" {\n  tags = ["there"]\n}\n',
      Dockerfile: "FROM scratch\nCOPY top /top\n",
      top: "top\n",
      "sub/Dockerfile":
        "FROM scratch\nCOPY own /own\nCOPY --from=lib f /lib\nCOPY --from=mine f /mine\n",
      "sub/own": "own\n",
      "lib/f": "lib\n",
    },
    "v1",
  );
  await git.commit({ top: "newer\n", "sub/docker-bake.hcl": 'target "inner" {\n}\n' });
});

afterAll(async () => {
  await git[Symbol.asyncDispose]();
  await engine[Symbol.asyncDispose]();
});

/** Makes a folder with files. @returns Its path. */
function folder(files: Readonly<Record<string, string>> = {}): string {
  const path = join(engine.root, `remote-${next++}`);
  mkdirSync(path, { recursive: true });
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), text);
  }
  return path;
}

async function bake(cwd: string, ...words: readonly string[]): Promise<CommandResult> {
  const env = { XDG_CACHE_HOME: join(engine.root, "cache") };
  return await engine.wharf(["bake", ...words], { cwd, env });
}

test("a repository's definition is built from its files, at the ref that is named", async () => {
  const cwd = folder();
  const built = await bake(cwd, git.url);
  expect(built.stderr).not.toContain("ERROR");
  expect(built.exitCode).toBe(0);
  expect(readFileSync(join(cwd, "out/top"), "utf8")).toBe("newer\n");
  expect((await bake(cwd, `${git.url}#v1`, "default")).exitCode).toBe(0);
  expect(readFileSync(join(cwd, "out/top"), "utf8")).toBe("top\n");
}, 60_000);

test("contexts are in the repository, and behind cwd:// in the user's folder", async () => {
  const cwd = folder({ "mine/f": "mine\n", "Dockerfile.here": "FROM scratch\nCOPY top /here\n" });
  const built = await bake(cwd, git.url, "sub");
  expect(built.stderr).not.toContain("ERROR");
  expect(built.exitCode).toBe(0);
  const read = (name: string): string => readFileSync(join(cwd, "out", name), "utf8");
  expect([read("own"), read("lib"), read("mine")]).toEqual(["own\n", "lib\n", "mine\n"]);
  expect((await bake(cwd, git.url, "here")).exitCode).toBe(0);
  expect(read("here")).toBe("newer\n");
}, 60_000);

test("-f names files of the repository, and behind cwd:// the user's own", async () => {
  const cwd = folder({ "mine.hcl": 'target "default" {\n  args = { A = "mine" }\n}\n' });
  const shown = await bake(cwd, git.url, "-f", "tagged.hcl", "-f", "cwd://mine.hcl", "--print");
  expect(JSON.parse(shown.stdout).target.default).toEqual({
    context: git.url,
    dockerfile: "Dockerfile",
    args: { A: "mine" },
    tags: ["there"],
  });
  const inner = await bake(cwd, `${git.url}#main:sub`, "inner", "--print");
  expect(JSON.parse(inner.stdout).target.inner.context).toBe(`${git.url}#main:sub`);
  const sub = await bake(cwd, git.url, "sub", "--print");
  expect(JSON.parse(sub.stdout).target.sub).toMatchObject({
    context: "sub",
    contexts: { lib: "lib", mine: "cwd://mine" },
  });
  const missing = await bake(cwd, git.url, "-f", "mine.hcl", "--print");
  expect(missing.stderr).toContain("lstat mine.hcl: no such file or directory");
  expect(missing.exitCode).toBe(1);
}, 60_000);

test("a definition from elsewhere reads nothing here that nobody allowed", async () => {
  const cwd = folder({ Dockerfile: "FROM scratch\n" });
  const passwd = await bake(cwd, git.url, "passwd");
  expect(passwd.stderr).toContain("fs.read=..");
  expect(passwd.stderr).toContain("fs.read=/etc/passwd");
  expect((await bake(cwd, git.url, "secret")).stderr).toContain("fs.read=/etc/hostname");
  expect((await bake(cwd, git.url, "link")).stderr).toContain("fs.read=/etc");
  expect((await bake(cwd, git.url, "git")).stderr).toContain("the repository has no .git");
  const mixed = await bake(cwd, git.url, "mixed");
  expect(mixed.stderr).toContain("reading a dockerfile for a remote build invocation");
  for (const name of ["link.hcl", "../../../../etc/hostname"]) {
    const refused = await bake(cwd, git.url, "-f", name, "--print");
    expect(refused.stderr).toMatch(/leads out of the repository|path traversal|lstat/);
    expect(refused.exitCode).toBe(1);
  }
}, 60_000);

test("a definition by HTTP is about the files here", async () => {
  using server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: ({ url }) => {
      const { pathname } = new URL(url);
      if (pathname === "/bake.hcl") return new Response(definition);
      if (pathname === "/compose.yaml") {
        return new Response("services:\n  web:\n    build:\n      context: ./web\n");
      }
      return new Response("no", { status: 404 });
    },
  });
  const at = (name: string): string => `http://127.0.0.1:${server.port}/${name}`;
  const cwd = folder({ Dockerfile: "FROM scratch\nCOPY top /top\n", top: "mine\n" });
  const built = await bake(cwd, at("bake.hcl"), "default");
  expect(built.stderr).not.toContain("ERROR");
  expect(built.exitCode).toBe(0);
  expect(readFileSync(join(cwd, "out/top"), "utf8")).toBe("mine\n");
  const refused = await bake(cwd, at("bake.hcl"), "secret");
  expect(refused.stderr).toContain("fs.read=/etc/hostname");
  const compose = await bake(cwd, at("compose.yaml"), "--print");
  expect(JSON.parse(compose.stdout).target.web.context).toBe("web");
  const other = await bake(cwd, at("bake.hcl"), git.url, "mixed", "--print");
  expect(JSON.parse(other.stdout).target.mixed.context).toBe(git.url);
  expect((await bake(cwd, at("none.hcl"))).stderr).toContain("invalid response status 404");
}, 60_000);

test("several bakes at once bring one repository here", async () => {
  const fresh = ["one", "two", "three"].map(() => folder());
  await git.commit({ top: "latest\n" });
  const all = await Promise.all(fresh.map((cwd) => bake(cwd, git.url, "default")));
  expect(all.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0]);
  for (const cwd of fresh) expect(readFileSync(join(cwd, "out/top"), "utf8")).toBe("latest\n");
}, 60_000);

test("a repository or a ref that is not there is refused", async () => {
  const cwd = folder();
  const noRef = await bake(cwd, `${git.url}#nope`);
  expect(noRef.stderr).toContain("the repository does not contain ref nope");
  expect(noRef.exitCode).toBe(1);
  const nowhere = await bake(cwd, git.url.replace("app.git", "none.git"));
  expect(nowhere.stderr).toContain("git ls-remote");
  expect(nowhere.exitCode).toBe(1);
}, 60_000);
