// Someone sends the engine what it should not swallow: each is refused clearly, nothing is written outside, nothing is left.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { connect } from "node:net";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runCommand } from "../../harness/command.ts";
import { startEngine, type TestEngine } from "../../harness/engine.ts";

let engine: TestEngine;
let folder: string;
beforeAll(async () => {
  engine = await startEngine();
  folder = mkdtempSync("/var/tmp/wharf-hostile-");
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await engine[Symbol.asyncDispose]();
});

async function post(
  path: string,
  body: string,
  type = "application/json",
): Promise<{ status: number; message: string }> {
  const response = await fetch(`http://wharf${path}`, {
    method: "POST",
    unix: engine.socket,
    body,
    headers: { "Content-Type": type },
  });
  const text = await response.text();
  const parsed = JSON.parse(text || "{}") as { message?: string };
  return { status: response.status, message: parsed.message ?? "" };
}

describe("requests", () => {
  test.each([
    ["not JSON", "{"],
    ["wrong types", '{"Image": 5}'],
    ["wrong types inside", '{"Image": "busybox", "HostConfig": {"Memory": "much"}}'],
    ["an array", "[]"],
    ["null", "null"],
    ["deep", `{"Image": "busybox", "Labels": ${'{"a":'.repeat(20_000)}1${"}".repeat(20_000)}}`],
    ["relative mount", '{"Image": "busybox", "HostConfig": {"Binds": ["/etc:relative"]}}'],
    ["mount on /", '{"Image": "busybox", "HostConfig": {"Binds": ["/etc:/"]}}'],
    ["volume that climbs", '{"Image": "busybox", "HostConfig": {"Binds": ["../../etc:/x"]}}'],
    [
      "port out of range",
      '{"Image": "busybox", "HostConfig": {"PortBindings": {"80/tcp": [{"HostPort": "99999"}]}}}',
    ],
    ["bad port protocol", '{"Image": "busybox", "ExposedPorts": {"80/xyz": {}}}'],
    [
      "bad restart policy",
      '{"Image": "busybox", "HostConfig": {"RestartPolicy": {"Name": "sometimes"}}}',
    ],
    ["a NUL in an argument", '{"Image": "busybox", "Cmd": ["a\\u0000b"]}'],
  ])("%s in a create is a 400 with a message", async (_name, body) => {
    const before = await engine.mustWharf("ps", "-aq");
    const answer = await post("/containers/create", body);
    expect(answer.status).toBe(400);
    expect(answer.message).not.toBe("");
    expect(await engine.mustWharf("ps", "-aq")).toBe(before);
  });

  test("an endless body is cut off, the engine goes on", async () => {
    const answer = await post(
      "/containers/create",
      `{"Image": "busybox", "Env": ["${"x".repeat(64 << 20)}"]}`,
    ).catch(() => ({ status: 413, message: "cut" }));
    expect([400, 413]).toContain(answer.status);
    expect((await engine.api("GET", "/_ping")).status).toBe(200);
  });

  test.each([
    ["/containers/..%2f..%2fetc/json", 404],
    [`/containers/${"a".repeat(5_000)}/json`, 404],
    ["/containers/%00/json", 404],
    ["/nosuch", 404],
    ["/v9.99/version", 400],
    ["/v1.1/version", 400],
    ["/containers/json?filters=%7B", 400],
    ["/containers/json?limit=many", 400],
    ["/images/..%2f..%2fx/json", 400],
  ])("GET %s is answered with %i and a message", async (path, status) => {
    const response = await engine.api("GET", path);
    expect(response.status).toBe(status);
    expect(((await response.json()) as { message: string }).message).not.toBe("");
  });

  test.each([
    ["garbage", "\u0000\u0001\u0002 nonsense\r\n\r\n"],
    [
      "no host, two lengths",
      "POST /containers/create HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n12345",
    ],
    ["huge headers", `GET /_ping HTTP/1.1\r\nHost: x\r\nX: ${"y".repeat(1 << 20)}\r\n\r\n`],
  ])("raw bytes on the socket (%s) end that connection only", async (_name, bytes) => {
    const socket = connect(engine.socket);
    await new Promise<void>((resolve) => {
      socket.on("error", () => resolve());
      socket.on("close", () => resolve());
      socket.on("data", () => socket.end());
      socket.write(bytes);
      setTimeout(() => socket.destroy(), 2_000);
    });
    expect((await engine.api("GET", "/_ping")).status).toBe(200);
  });

  test("names are held to Docker's pattern", async () => {
    for (const name of ["", "-a", "a/b", "a b", "ä", "..", "$(id)"]) {
      const answer = await post(
        `/containers/create?name=${encodeURIComponent(name)}`,
        '{"Image": "busybox"}',
      );
      if (name === "") expect(answer.status).toBe(201);
      else expect(`${name} ${answer.status}`).toBe(`${name} 400`);
    }
    for (const id of (await engine.mustWharf("ps", "-aq")).split("\n"))
      await engine.mustWharf("rm", id);
  });
});

/** Writes an image archive whose only layer is made by `python` code that gets a `tar` to add entries to. */
async function archive(name: string, python: string): Promise<string> {
  const path = join(folder, `${name}.tar`);
  const script = `
import tarfile, io, json, hashlib, sys
layer = io.BytesIO()
tar = tarfile.open(fileobj=layer, mode="w", format=tarfile.PAX_FORMAT)
def add(name, data=b"x", **fields):
    info = tarfile.TarInfo(name)
    for key, value in fields.items(): setattr(info, key, value)
    if info.type in (tarfile.REGTYPE,): info.size = len(data)
    tar.addfile(info, io.BytesIO(data) if info.type == tarfile.REGTYPE else None)
${python}
tar.close()
blob = layer.getvalue()
diff = "sha256:" + hashlib.sha256(blob).hexdigest()
diff = globals().get("lie", diff)
config = json.dumps({"architecture": "amd64", "os": "linux", "config": {"Cmd": ["true"]}, "rootfs": {"type": "layers", "diff_ids": [diff]}}).encode()
config_name = hashlib.sha256(config).hexdigest() + ".json"
manifest = json.dumps([{"Config": config_name, "RepoTags": ["hostile:1"], "Layers": [globals().get("layer_path", "layer/layer.tar")]}]).encode()
with tarfile.open(${JSON.stringify(path)}, "w") as out:
    for name, data in ((config_name, config), ("layer/layer.tar", blob), ("manifest.json", manifest)):
        info = tarfile.TarInfo(name); info.size = len(data); out.addfile(info, io.BytesIO(data))
`;
  const made = await runCommand(["/usr/bin/python3", "-c", script]);
  if (made.exitCode !== 0) throw new Error(made.stderr);
  return path;
}

/** Loads it; whether refused or not, nothing may appear outside the layer. */
async function load(path: string): Promise<string> {
  const result = await engine.docker(["load", "-i", path]);
  expect(existsSync("/var/tmp/wharf-escaped")).toBe(false);
  expect(existsSync(join(engine.root, "wharf-escaped"))).toBe(false);
  return result.exitCode === 0 ? "loaded" : result.stderr;
}

async function expectNothingLeft(): Promise<void> {
  expect(await engine.mustWharf("images", "-aq", "hostile")).toBe("");
  const ingests = join(engine.root, "data");
  const left = readdirSync(ingests, { recursive: true, encoding: "utf8" }).filter((name) =>
    /(^|\/)(ingest|tmp|trash)\/./.test(name),
  );
  expect(left).toEqual([]);
}

describe("image archives", () => {
  test.each([
    ["climbing", 'add("../../../../../../../../var/tmp/wharf-escaped")'],
    [
      "through-symlink",
      'add("d", type=tarfile.SYMTYPE, linkname="/var/tmp"); add("d/wharf-escaped")',
    ],
    [
      "through-relative-symlink",
      'add("d", type=tarfile.SYMTYPE, linkname="../../../../../../../var/tmp"); add("d/wharf-escaped")',
    ],
    [
      "hard-link-out",
      'add("h", type=tarfile.LNKTYPE, linkname="../../../../../../../../etc/shadow")',
    ],
    ["hard-link-absolute", 'add("h", type=tarfile.LNKTYPE, linkname="/etc/shadow")'],
    ["whiteout-climbing", 'add("../../.wh.x")'],
    ["whiteout-of-parent", 'add("a/.wh...")'],
  ])("%s writes nothing outside", async (name, python) => {
    const said = await load(await archive(name, python));
    if (said === "loaded") {
      const out = await engine.docker(["run", "--rm", "hostile:1", "true"]);
      expect(out.stderr).not.toContain("root:");
      await engine.docker(["rm", "-f", "x"]);
      await engine.mustDocker("rmi", "-f", "hostile:1");
    }
    await expectNothingLeft();
  });

  test("an absolute path lands inside the layer", async () => {
    expect(await load(await archive("absolute", 'add("/var/tmp/wharf-escaped")'))).toBe("loaded");
    await engine.mustDocker("rmi", "hostile:1");
    await expectNothingLeft();
  });

  test.each([
    ["a layer that lies about its digest", 'lie = "sha256:" + "0" * 64; add("f")', /digest|diff/i],
    [
      "a layer path that climbs",
      'layer_path = "../../../../etc/passwd"; add("f")',
      /layer|path|manifest/i,
    ],
    ["a layer that is not there", 'layer_path = "none.tar"; add("f")', /none\.tar/],
  ])("%s is refused", async (name, python, pattern) => {
    const said = await load(await archive(name.replaceAll(" ", "-"), python));
    expect(said).toMatch(pattern);
    await expectNothingLeft();
  });

  test("device nodes are made and cannot be opened by the container", async () => {
    const path = await archive(
      "device",
      'add("disk", type=tarfile.BLKTYPE, devmajor=254, devminor=0, mode=0o666)',
    );
    expect(await load(path)).toBe("loaded");
    await engine.mustDocker("create", "--name", "dev", "hostile:1");
    await engine.mustDocker("rm", "dev");
    await engine.mustDocker("rmi", "hostile:1");
    await expectNothingLeft();
  });

  test("100 000 entries load", async () => {
    const path = await archive("many", 'for i in range(100000): add(f"d{i % 100}/f{i}", b"")');
    expect(await load(path)).toBe("loaded");
    await engine.mustDocker("rmi", "hostile:1");
    await expectNothingLeft();
  });

  test("random bytes, an empty file and a bare gzip header are refused", async () => {
    const files = {
      random: crypto.getRandomValues(new Uint8Array(60_000)),
      empty: new Uint8Array(0),
      gzip: new Uint8Array([0x1f, 0x8b, 8, 0]),
    };
    for (const [name, bytes] of Object.entries(files)) {
      const path = join(folder, `${name}.bin`);
      writeFileSync(path, bytes);
      const result = await engine.docker(["load", "-i", path]);
      expect(`${name} ${result.exitCode}`).toBe(`${name} 1`);
    }
    await expectNothingLeft();
  });
});

test("a container's own symlinks do not lead the engine's files outside", async () => {
  mkdirSync(join(folder, "target"), { recursive: true });
  // /etc/hosts, /etc/hostname and the volume's mount point are all links that point out of the root.
  const path = await archive(
    "links",
    [
      `add("etc", type=tarfile.SYMTYPE, linkname="${folder}/target")`,
      `add("vol", type=tarfile.SYMTYPE, linkname="${folder}/target/vol")`,
    ].join("; "),
  );
  expect(await load(path)).toBe("loaded");
  const result = await engine.docker([
    "run",
    "--name",
    "links",
    "-v",
    "/vol",
    "-w",
    "/etc/made",
    "hostile:1",
    "true",
  ]);
  expect(result.exitCode).toBeGreaterThan(0);
  expect(readdirSync(join(folder, "target"))).toEqual([]);
  await engine.mustDocker("rm", "-fv", "links");
  await engine.mustDocker("rmi", "hostile:1");
});
