// A user copies files into and out of containers, by docker's client and by ours.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { tarHeader, type TarHeader } from "#base/tar/header.ts";
import { type TarMember, writeTar } from "#base/tar/writer.ts";
import { mustRun } from "../../harness/command.ts";
import { startEngine, type TestEngine } from "../../harness/engine.ts";
import { MemoryWatch } from "../../harness/memory.ts";
import { waitUntil } from "../../harness/wait-until.ts";

let engine: TestEngine;
let folder: string;
beforeAll(async () => {
  engine = await startEngine();
  folder = mkdtempSync("/var/tmp/wharf-copy-");
  writeFileSync(join(folder, "f"), "f");
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await engine[Symbol.asyncDispose]();
});

/** A tree with what makes copying hard. */
function makeTree(path: string): void {
  mkdirSync(join(path, "sub"), { recursive: true });
  writeFileSync(join(path, "plain"), "hello\n");
  writeFileSync(join(path, "sub", "x".repeat(200)), "long name\n");
  writeFileSync(join(path, "sparse"), "end");
  truncateSync(join(path, "sparse"), 5_000_000);
  linkSync(join(path, "plain"), join(path, "hard"));
  symlinkSync("plain", join(path, "link"));
  symlinkSync("/nowhere", join(path, "broken"));
  utimesSync(join(path, "plain"), 981_173_106.5, 981_173_106.123456);
}

async function tarOf(
  members: readonly (Partial<TarHeader> & { readonly name: string; readonly body?: string })[],
): Promise<Buffer> {
  const list = members.map(({ body = "", ...fields }): TarMember => {
    const type = fields.type ?? (fields.name.endsWith("/") ? "directory" : "file");
    const bytes = Buffer.from(body);
    return { header: tarHeader({ ...fields, type, sizeBytes: bytes.length }), body: bytes };
  });
  const chunks: Uint8Array[] = [];
  for await (const chunk of writeTar(list)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function put(container: string, path: string, tar: Uint8Array): Promise<Response> {
  return await fetch(`http://wharf/containers/${container}/archive?path=${path}`, {
    method: "PUT",
    unix: engine.socket,
    body: tar,
    headers: { "Content-Type": "application/x-tar" },
    keepalive: false,
  });
}

/** What a client says at the end; docker's may log lines of its own behind it, when its tar writer ends late. */
function lastMessage(stderr: string): string {
  const lines = stderr.split("\n").filter((line) => line !== "" && !line.startsWith("time="));
  return lines.at(-1)?.replace(/^(?:wharf: )?(?:Error response from daemon: )?/, "") ?? "";
}

describe.each(["docker", "wharf"] as const)("%s cp", (client) => {
  const cp = (...args: string[]) => engine[client](["cp", ...args]);
  const name = `cp-${client}`;

  test("brings a tree in and out as it was, created, running and paused", async () => {
    const from = join(folder, `${client}-tree`);
    makeTree(from);
    await engine.mustDocker("create", "--name", name, "busybox", "sleep", "1000");
    expect((await cp(from, `${name}:/made`)).stderr).toBe("");
    await engine.mustDocker("start", name);
    expect((await cp(from, `${name}:/running`)).stderr).toBe("");
    await engine.mustDocker("pause", name);
    expect((await cp(from, `${name}:/paused`)).stderr).toBe("");
    await engine.mustDocker("unpause", name);
    for (const path of ["made", "running", "paused"]) {
      const to = join(folder, `${client}-${path}`);
      expect((await cp(`${name}:/${path}`, to)).stderr).toBe("");
      expect(await mustRun(["diff", "-r", "--no-dereference", from, to])).toMatchObject({
        stdout: "",
      });
      expect(readlinkSync(join(to, "broken"))).toBe("/nowhere");
      expect(lstatSync(join(to, "hard")).ino).toBe(lstatSync(join(to, "plain")).ino);
      expect(Math.trunc(lstatSync(join(to, "plain")).mtimeMs / 1000)).toBe(981_173_106);
    }
    const inside = await engine.mustDocker("exec", name, "stat", "-c", "%a %u %h", "/made/plain");
    expect(inside).toBe("644 0 2");
    await engine.mustDocker("rm", "-f", name);
  });

  test("puts content, files and folders where docker puts them", async () => {
    const from = join(folder, `${client}-rules`);
    mkdirSync(join(from, "d"), { recursive: true });
    writeFileSync(join(from, "f"), "f");
    writeFileSync(join(from, "d/x"), "x");
    await engine.mustDocker("run", "-d", "--name", name, "busybox", "sleep", "1000");
    const steps: readonly (readonly [from: string, to: string, message: string])[] = [
      [`${from}/d`, `${name}:/a`, ""],
      [`${from}/d`, `${name}:/a`, ""],
      [`${from}/d/.`, `${name}:/b`, ""],
      [`${from}/f`, `${name}:/c`, ""],
      [`${from}/f`, `${name}:/e/`, "no such directory"],
      [`${from}/d`, `${name}:/c`, "cannot copy directory"],
      [`${from}/f`, `${name}:/no/f`, `Could not find the file /no in container ${name}`],
      [`${from}/nothing`, `${name}:/`, `lstat ${from}/nothing: no such file or directory`],
      [`${name}:/nothing`, from, `Could not find the file /nothing in container ${name}`],
      [`${name}:/a`, `${from}/f`, "cannot copy directory"],
      [`${name}:/a`, `${from}/no/x`, `invalid output path: directory "${from}/no" does not exist`],
      [`${name}:/a`, `${name}:/x`, "copying between containers is not supported"],
      [`${from}/f`, from, "must specify at least one container source"],
      ["-", `${name}:/c`, `destination "${name}:/c" must be a directory`],
    ];
    for (const [source, target, message] of steps) {
      const { stderr, exitCode } = await cp(source, target);
      expect(lastMessage(stderr)).toBe(message);
      expect(exitCode).toBe(message === "" ? 0 : 1);
    }
    const found = await engine.mustDocker("exec", name, "find", "/a", "/b", "/c", "-type", "f");
    expect(found.split("\n").toSorted()).toEqual(["/a/d/x", "/a/x", "/b/x", "/c"]);
    const piped = await engine[client](["cp", `${name}:/a`, "-"]);
    expect(piped.exitCode).toBe(0);
    expect(piped.stdout).toContain("ustar");
    await engine.mustDocker("rm", "-f", name);
  });
});

describe("copy", () => {
  test("sees volumes, binds and a running container's tmpfs, and keeps what is read-only", async () => {
    const bind = join(folder, "bind");
    mkdirSync(bind);
    writeFileSync(join(bind, "b"), "b");
    await engine.mustDocker(
      ...["run", "-d", "--name", "mounts", "--read-only", "--tmpfs", "/t", "-v", "vol:/v"],
      ...["-v", `${bind}:/b:ro`, "busybox", "sh", "-c", "echo t >/t/t; echo v >/v/v; sleep 1000"],
    );
    const read = async (path: string): Promise<string> =>
      (await engine.wharf(["cp", `mounts:${path}`, "-"])).stdout;
    await waitUntil("the container wrote", async () => (await read("/v/v")).includes("ustar"));
    expect(await read("/t/t")).toContain("t\n");
    expect(await read("/b/b")).toContain("ustar");
    expect(await read("/etc/hosts")).toContain("localhost");
    const refusals = {
      "/": "container rootfs is marked read-only",
      "/etc": "container rootfs is marked read-only",
      "/b": "mounted volume is marked read-only",
    };
    for (const [path, message] of Object.entries(refusals)) {
      expect((await engine.docker(["cp", join(folder, "f"), `mounts:${path}`])).stderr).toContain(
        message,
      );
    }
    for (const path of ["/v", "/t"]) {
      await engine.mustDocker("cp", join(folder, "f"), `mounts:${path}/f`);
      expect(await engine.mustDocker("exec", "mounts", "cat", `${path}/f`)).toBe("f");
    }
    await engine.mustDocker("stop", "-t", "0", "mounts");
    expect(await read("/v/f")).toContain("ustar");
    expect((await engine.docker(["cp", "mounts:/t/f", "-"])).stderr).toContain(
      "Could not find the file /t/f",
    );
    await engine.mustDocker("rm", "mounts");
    await engine.mustDocker("volume", "rm", "vol");
  });

  test("takes packed archives, owners beyond 2^21 and the container's user for -a", async () => {
    await engine.mustDocker("create", "--name", "packed", "--user", "12:34", "busybox");
    const tar = await tarOf([{ name: "f", body: "x", uid: 2 ** 21 + 5, gid: 2 ** 31 - 2 }]);
    for (const [index, pack] of [["cat"], ["gzip"], ["bzip2"], ["xz"], ["zstd"]].entries()) {
      if (Bun.which(pack[0] ?? "") === null) continue;
      const packed = Bun.spawnSync(pack, { stdin: tar }).stdout;
      expect((await put("packed", "/", packed)).status).toBe(200);
      const listed = await engine.api("GET", "/containers/packed/archive?path=/f");
      const header = Buffer.from(await listed.arrayBuffer()).toString("latin1");
      expect({ index, found: header.includes(`uid=${2 ** 21 + 5}`) }).toEqual({
        index,
        found: true,
      });
    }
    await engine.mustDocker("cp", "-a", join(folder, "f"), "packed:/owned");
    const owned = await engine.api("GET", "/containers/packed/archive?path=/owned");
    const header = Buffer.from(await owned.arrayBuffer()).toString("latin1", 108, 124);
    expect(header.replaceAll("\0", " ").trim()).toBe("0000014 0000042");
    await engine.mustDocker("rm", "packed");
  });

  test("a hostile archive writes nothing outside, and says why", async () => {
    const canary = join(folder, "canary");
    writeFileSync(canary, "alive");
    await engine.mustDocker("create", "--name", "hostile", "busybox");
    const up = "../".repeat(30);
    const cases: readonly (readonly [Parameters<typeof tarOf>[0], number, string])[] = [
      [[{ name: `${up}${canary}`, body: "dead" }], 400, "is outside of"],
      [[{ name: "h", type: "hardlink", linkName: `${up}${canary}` }], 400, "invalid hardlink"],
      [[{ name: canary, body: "dead" }], 200, ""],
      [
        [
          { name: "l", type: "symlink", linkName: folder },
          { name: "l/canary", body: "dead" },
        ],
        400,
        "",
      ],
      [[{ name: "n/".repeat(2100), body: "" }], 400, ""],
      [[{ name: "d", type: "character-device", deviceMajor: 1, deviceMinor: 3 }], 200, ""],
      [
        [
          { name: "same", body: "1" },
          { name: "same", type: "symlink", linkName: canary },
          { name: "same", body: "2" },
        ],
        200,
        "",
      ],
    ];
    for (const [members, status, message] of cases) {
      const answer = await put("hostile", "/tmp", await tarOf(members));
      const text = await answer.text();
      expect({ status: answer.status, text }).toEqual({
        status,
        text: expect.stringContaining(message),
      });
      expect(readFileSync(canary, "utf8")).toBe("alive");
    }
    for (const junk of [Buffer.alloc(511, 7), Buffer.alloc(5000, 0xff)]) {
      expect((await put("hostile", "/tmp", junk)).status).toBe(400);
    }
    await engine.mustDocker("rm", "hostile");
  });

  test("a container that swaps folders for links meanwhile leads nowhere", async () => {
    const outside = join(folder, "outside");
    mkdirSync(outside);
    writeFileSync(join(outside, "secret"), "secret of the host");
    const up = `/${"../".repeat(30)}${outside}`;
    await engine.mustDocker(
      ...["run", "-d", "--name", "swaps", "busybox", "sh", "-c"],
      `mkdir -p /d/x; echo inside >/d/x/secret; while :; do mv /d/x /d/y; ln -s ${up} /d/x; rm /d/x; ln -s ${outside} /d/x; rm /d/x; mv /d/y /d/x; done`,
    );
    const tar = await tarOf([
      { name: "x/", mode: 0o755 },
      { name: "x/new", body: "from the archive" },
      { name: "x/secret", body: "from the archive" },
    ]);
    for (let round = 0; round < 10; round++) {
      const [written, read, tree] = await Promise.all([
        put("swaps", "/d", tar),
        engine.api("GET", "/containers/swaps/archive?path=/d/x/secret"),
        engine.api("GET", "/containers/swaps/archive?path=/d"),
      ]);
      await written.text();
      for (const answer of [read, tree]) {
        const body = await answer.text().catch(() => "");
        expect(body).not.toContain("secret of the host");
      }
      expect(readFileSync(join(outside, "secret"), "utf8")).toBe("secret of the host");
      expect(existsSync(join(outside, "new"))).toBe(false);
    }
    await engine.mustDocker("rm", "-f", "swaps");
  });

  test("removal ends a copy that is under way; a start and a stop do not", async () => {
    await engine.mustDocker("create", "--name", "goes", "busybox", "sleep", "1000");
    const { promise: hold, resolve: release } = Promise.withResolvers<void>();
    const tar = await tarOf([{ name: "big", body: "x".repeat(100_000) }]);
    const writing = fetch(`http://wharf/containers/goes/archive?path=/tmp`, {
      method: "PUT",
      unix: engine.socket,
      body: (async function* () {
        yield tar.subarray(0, 10_000);
        await hold;
        yield tar.subarray(10_000);
      })(),
      keepalive: false,
    });
    await waitUntil("the copy is under way", () => mountsBelow(engine.root).length > 0);
    await engine.mustDocker("start", "goes");
    expect(await engine.mustDocker("exec", "goes", "ls", "/tmp")).toBe("big");
    await engine.mustDocker("stop", "-t", "0", "goes");
    release();
    expect((await writing).status).toBe(200);
    await waitUntil("it lets go", () => mountsBelow(engine.root).length === 0);
    const next = fetch(`http://wharf/containers/goes/archive?path=/tmp`, {
      method: "PUT",
      unix: engine.socket,
      body: (async function* () {
        yield tar.subarray(0, 10_000);
        await new Promise(() => {});
      })(),
      keepalive: false,
    });
    await waitUntil("the copy is under way", () => mountsBelow(engine.root).length > 0);
    await engine.mustDocker("rm", "goes");
    expect((await next).status).toBe(409);
    await waitUntil("it lets go", () => mountsBelow(engine.root).length === 0);
  });

  test("500 MB go in and out with the memory flat", async () => {
    await engine.mustDocker("create", "--name", "large", "busybox");
    const hole = join(folder, "hole");
    writeFileSync(hole, "");
    truncateSync(hole, 500_000_000);
    const sparse = Bun.spawn(["tar", "-S", "-C", folder, "-cf", "-", "hole"], { stdout: "pipe" });
    expect((await put("large", "/", await new Response(sparse.stdout).bytes())).status).toBe(200);
    using memory = new MemoryWatch(engine.pid);
    const before = memory.peakMegabytes;
    const piped = Bun.spawn(["tar", "-C", folder, "-cf", "-", "hole"], { stdout: "pipe" });
    const plain = await fetch("http://wharf/containers/large/archive?path=/tmp", {
      method: "PUT",
      unix: engine.socket,
      body: piped.stdout,
      keepalive: false,
    });
    expect(plain.status).toBe(200);
    const answer = await engine.api("GET", "/containers/large/archive?path=/hole");
    let bytes = 0;
    for await (const chunk of answer.body ?? []) bytes += chunk.length;
    expect(bytes).toBeGreaterThan(500_000_000);
    expect(memory.peakMegabytes - before).toBeLessThan(60);
    await engine.mustDocker("rm", "large");
  });
});

function mountsBelow(path: string): readonly string[] {
  return readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .filter((line) => line.includes(` ${path}/data/overlay2/`));
}

describe("export", () => {
  test("gives the root without mounts, to a file or a pipe", async () => {
    await engine.mustDocker("create", "--name", "exported", "-v", "/v", "busybox");
    await engine.mustDocker("cp", join(folder, "f"), "exported:/f");
    await engine.mustDocker("cp", join(folder, "f"), "exported:/v/f");
    const file = join(folder, "root.tar");
    await engine.mustWharf("export", "-o", file, "exported");
    const names = (await mustRun(["tar", "tf", file])).stdout.split("\n");
    expect(names).toContain("f");
    expect(names).toContain("v/");
    expect(names).not.toContain("v/f");
    expect((await engine.docker(["export", "nothing"])).stderr).toContain(
      "No such container: nothing",
    );
    await engine.mustDocker("rm", "-v", "exported");
  });
});
