// A user takes volumes along: exports, imports, clones and renames them.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { mustRun } from "../../harness/command.ts";
import { startEngine, type TestEngine } from "../../harness/engine.ts";
import { waitUntil } from "../../harness/wait-until.ts";

let engine: TestEngine;
let folder = "";

beforeAll(async () => {
  engine = await startEngine();
  folder = mkdtempSync("/var/tmp/wharf-transfers-");
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await engine[Symbol.asyncDispose]();
});

const inside = (...args: string[]) => engine.mustDocker("run", "--rm", ...args);
const dataOf = (name: string) => join(engine.root, "data/volumes", name, "_data");

/** Owners, modes and content of everything in a volume, its own folder included. */
const FINGERPRINT =
  'cd /v && find . | sort | while read f; do stat -c "%n %F %a %u:%g %Y %h" "$f"; [ -f "$f" ] && md5sum <"$f"; readlink "$f"; done; true';

async function fingerprint(volume: string): Promise<string> {
  return await inside("-v", `${volume}:/v`, "busybox", "sh", "-c", FINGERPRINT);
}

async function fill(volume: string): Promise<void> {
  const script = [
    "mkdir -p d/deep; echo one >d/one; ln d/one hard; ln -s /etc/passwd link; ln -s ../../.. up",
    "mkfifo pipe; chmod 4750 d/one; chown 70:71 d; chown 999:998 .; chmod 1770 .",
    "dd if=/dev/urandom of=big bs=64k count=20 2>/dev/null; touch -d '2020-02-02 02:02' d/deep",
  ].join("\n");
  await inside("-v", `${volume}:/v`, "-w", "/v", "busybox", "sh", "-ec", script);
}

describe("volume export, import and clone", () => {
  test("keep owners, modes, times, links and the folder's own attributes", async () => {
    await engine.mustWharf("volume", "create", "--label", "tier=db", "origin");
    await fill("origin");
    const before = await fingerprint("origin");
    const file = join(folder, "origin.tar");
    await engine.mustWharf("volume", "export", "-o", file, "origin");
    expect(await engine.mustWharf("volume", "import", "--label", "a=b", file, "plain")).toBe(
      "plain",
    );
    expect(await fingerprint("plain")).toBe(before);
    expect(await engine.mustWharf("volume", "inspect", "-f", "{{json .Labels}}", "plain")).toBe(
      '{"a":"b"}',
    );
    await mustRun(["gzip", "-f", file]);
    const packed = { input: Bun.file(`${file}.gz`) };
    expect((await engine.wharf(["volume", "import", "-", "packed"], packed)).exitCode).toBe(0);
    expect(await fingerprint("packed")).toBe(before);
    await engine.mustWharf("volume", "clone", "origin", "alone");
    expect(await fingerprint("alone")).toBe(before);
    expect(await engine.mustWharf("volume", "inspect", "-f", "{{json .Labels}}", "alone")).toBe(
      '{"tier":"db"}',
    );
    await engine.mustDocker(
      "run",
      "-d",
      "--name",
      "user",
      "-v",
      "origin:/v",
      "busybox",
      "sleep",
      "99",
    );
    await engine.mustWharf("volume", "clone", "--label", "c=d", "origin", "shared");
    expect(await fingerprint("shared")).toBe(before);
    await engine.mustDocker("rm", "-f", "user");
    await engine.mustDocker("volume", "rm", "origin", "plain", "packed", "alone", "shared");
  });

  test("write nothing outside, whatever the archive says", async () => {
    const make = `
import io, sys, tarfile
with tarfile.open(sys.argv[1], "w") as tar:
    def add(name, kind=tarfile.REGTYPE, link="", data=b"x"):
        info = tarfile.TarInfo(name); info.type = kind; info.linkname = link
        info.size = len(data) if kind == tarfile.REGTYPE else 0
        tar.addfile(info, io.BytesIO(data))
    add("out", tarfile.SYMTYPE, "${folder}/outside")
    add("out/caught")
    add("/absolute")
`;
    const file = join(folder, "hostile.tar");
    await mustRun(["mkdir", "-p", join(folder, "outside")]);
    await mustRun(["python3", "-c", make, file]);
    await engine.wharf(["volume", "import", file, "hostile"]);
    expect(readdirSync(join(folder, "outside"))).toEqual([]);
    expect(existsSync("/absolute")).toBe(false);
    await engine.wharf(["volume", "rm", "-f", "hostile"]);
    const climbing = make.replace('add("/absolute")', 'add("../../climbed")');
    await mustRun(["python3", "-c", climbing.replaceAll("out/caught", "fine"), file]);
    const refused = await engine.wharf(["volume", "import", file, "hostile"]);
    expect(refused.exitCode).toBe(1);
    expect((await engine.wharf(["volume", "inspect", "hostile"])).exitCode).toBe(1);
    expect(existsSync(join(engine.root, "data/volumes/hostile"))).toBe(false);
  });

  test("refuse a taken name, a missing volume and what is no archive; nothing is left", async () => {
    await engine.mustWharf("volume", "create", "taken");
    const refused = await engine.wharf(["volume", "clone", "taken", "taken"]);
    expect(refused.stderr).toContain("create taken: a volume of that name is there already");
    expect((await engine.wharf(["volume", "clone", "none", "new"])).stderr).toContain(
      "get none: no such volume",
    );
    expect((await engine.wharf(["volume", "export", "none"])).stderr).toContain(
      "get none: no such volume",
    );
    const file = join(folder, "nonsense");
    writeFileSync(file, Buffer.alloc(2048, "nonsense"));
    expect((await engine.wharf(["volume", "import", file, "new"])).exitCode).toBe(1);
    expect(await engine.mustDocker("volume", "ls", "-q")).toBe("taken");
    expect(readdirSync(join(engine.root, "data/volumes"))).toEqual(["taken"]);
    await engine.mustDocker("volume", "rm", "taken");
  });

  test("killed midway leave nothing", async () => {
    const upload = Bun.spawn(["dist/wharf", "volume", "import", "-", "half"], {
      stdin: "pipe",
      stdout: "ignore",
      stderr: "ignore",
      env: { ...process.env, ...engine.environment() },
    });
    const file = join(folder, "half.tar");
    writeFileSync(join(folder, "content"), Buffer.alloc(3_000_000, "x"));
    await mustRun(["tar", "-C", folder, "-cf", file, "content"]);
    void upload.stdin.write(readFileSync(file).subarray(0, 1_000_000));
    await upload.stdin.flush();
    await waitUntil("it is being written", () => existsSync(join(dataOf("half"), "content")));
    expect(await engine.mustDocker("volume", "ls", "-q")).toBe("");
    await engine.crash();
    upload.kill();
    await upload.exited;
    await engine.start();
    expect(await engine.mustDocker("volume", "ls", "-q")).toBe("");
    expect(readdirSync(join(engine.root, "data/volumes"))).toEqual([]);
  });

  test("a client that goes away leaves nothing either", async () => {
    const upload = Bun.spawn(["dist/wharf", "volume", "import", "-", "gone"], {
      stdin: "pipe",
      stdout: "ignore",
      stderr: "ignore",
      env: { ...process.env, ...engine.environment() },
    });
    void upload.stdin.write(readFileSync(join(folder, "half.tar")).subarray(0, 1_000_000));
    await upload.stdin.flush();
    await waitUntil("it is being written", () => existsSync(join(dataOf("gone"), "content")));
    upload.kill("SIGKILL");
    await upload.exited;
    await waitUntil("it is taken away", () => !existsSync(join(engine.root, "data/volumes/gone")));
    await engine.mustDocker("volume", "create", "gone");
    await engine.mustDocker("volume", "rm", "gone");
  });
});

describe("volume rename", () => {
  test("moves the content, and the containers that have it go on with it", async () => {
    await inside("-v", "old:/v", "busybox", "sh", "-c", "echo kept >/v/file");
    await engine.mustDocker(
      "create",
      "--name",
      "one",
      "-v",
      "old:/v:ro",
      "busybox",
      "cat",
      "/v/file",
    );
    await engine.mustDocker(
      "create",
      "--name",
      "two",
      "--mount",
      "type=volume,src=old,dst=/w",
      "busybox",
      "cat",
      "/w/file",
    );
    await engine.mustDocker(
      "run",
      "-d",
      "--name",
      "runs",
      "-v",
      "old:/v",
      "busybox",
      "sleep",
      "99",
    );
    const refused = await engine.wharf(["volume", "rename", "old", "fresh"]);
    expect(refused.stderr).toContain(
      "rename old: the volume is in use by running containers: stop runs first",
    );
    await engine.mustDocker("rm", "-f", "runs");
    await engine.mustWharf("volume", "rename", "old", "fresh");
    expect(await engine.mustDocker("volume", "ls", "-q")).toBe("fresh");
    expect(await engine.mustDocker("start", "-a", "one")).toBe("kept");
    expect(await engine.mustDocker("start", "-a", "two")).toBe("kept");
    expect(
      await engine.mustDocker(
        "inspect",
        "-f",
        "{{json .HostConfig.Binds}} {{range .Mounts}}{{.Name}} {{.Source}}{{end}}",
        "one",
      ),
    ).toBe(`["fresh:/v:ro"] fresh ${dataOf("fresh")}`);
    await engine.restart();
    expect(await engine.mustDocker("start", "-a", "one")).toBe("kept");
    expect((await engine.docker(["volume", "rm", "fresh"])).stderr).toContain("volume is in use");
    await engine.mustDocker("rm", "one", "two");
    await engine.mustDocker("volume", "create", "other");
    expect((await engine.wharf(["volume", "rename", "fresh", "other"])).stderr).toContain(
      "rename fresh: there is a volume 'other' already",
    );
    expect((await engine.wharf(["volume", "rename", "fresh", "fresh"])).exitCode).toBe(1);
    await engine.mustDocker("volume", "rm", "fresh", "other");
  });
});
