// Makes test/e2e/daemon/testdata/data-root-NAME.tar.gz: what an engine of that commit leaves when it is killed.
//   bun test/e2e/daemon/testdata/refresh-data-root.ts NAME COMMIT      (as root, with a clean dist/wharf)
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { mustRun } from "../../../harness/command.ts";
import { TestEngine } from "../../../harness/engine.ts";

const [name = "", commit = ""] = process.argv.slice(2);
const folder = mkdtempSync("/var/tmp/wharf-e2e-root-");

/** Writes "hello"; with an argument it waits for ever then, else it ends with 7. For x86-64. */
function program(): Buffer {
  const code = Buffer.from(
    [
      "b801000000 bf01000000 488d3523000000 ba06000000 0f05", // write(1, "hello\n", 6)
      "48833c2401 7f0c", // one argument at most: go on
      "b83c000000 bf07000000 0f05", // exit(7)
      "b822000000 0f05 ebf7", // pause(), again
    ]
      .join("")
      .replaceAll(" ", ""),
    "hex",
  );
  const body = Buffer.concat([code, Buffer.from("hello\n")]);
  const header = Buffer.alloc(120);
  header.write("\x7fELF\x02\x01\x01", "latin1");
  header.writeUInt16LE(2, 16);
  header.writeUInt16LE(62, 18);
  header.writeUInt32LE(1, 20);
  header.writeBigUInt64LE(0x400078n, 24);
  header.writeBigUInt64LE(64n, 32);
  header.writeUInt16LE(64, 52);
  header.writeUInt16LE(56, 54);
  header.writeUInt16LE(1, 56);
  header.writeUInt32LE(1, 64);
  header.writeUInt32LE(5, 68);
  header.writeBigUInt64LE(0x400000n, 80);
  header.writeBigUInt64LE(0x400000n, 88);
  header.writeBigUInt64LE(BigInt(120 + body.length), 96);
  header.writeBigUInt64LE(BigInt(120 + body.length), 104);
  header.writeBigUInt64LE(0x1000n, 112);
  return Buffer.concat([header, body]);
}

async function buildAt(): Promise<string> {
  const tree = join(folder, "tree");
  await mustRun(["git", "worktree", "add", "--detach", tree, commit]);
  try {
    symlinkSync(resolve("node_modules"), join(tree, "node_modules"));
    const build = `cd ${tree} && ${process.execPath} scripts/build.ts && mv dist/wharf ..`;
    await mustRun(["sh", "-c", build], { timeoutMs: 300_000 });
  } finally {
    await mustRun(["git", "worktree", "remove", "--force", tree]);
  }
  return join(folder, "wharf");
}

async function imageTar(): Promise<Blob> {
  const root = join(folder, "image");
  mkdirSync(join(root, "data"), { recursive: true });
  writeFileSync(join(root, "program"), program(), { mode: 0o755 });
  writeFileSync(join(root, "data", "shipped"), "with the image\n");
  await mustRun(["tar", "-C", root, "-cf", join(folder, "image.tar"), "."]);
  return Bun.file(join(folder, "image.tar"));
}

async function fill(engine: TestEngine): Promise<void> {
  const ask = async (method: string, path: string, body?: unknown): Promise<string> => {
    const response = await engine.api(method, path, body);
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text;
  };
  for (const tag of ["1", "2"]) {
    const query = `fromSrc=-&repo=tiny&tag=${tag}&changes=LABEL%20release%3D${tag}`;
    const response = await fetch(`http://wharf/images/create?${query}`, {
      method: "POST",
      unix: engine.socket,
      body: await imageTar(),
    });
    if (!response.ok) throw new Error(await response.text());
    await response.text();
  }
  await ask("POST", "/images/tiny:1/tag?repo=other.example/tiny&tag=first");
  await ask("POST", "/volumes/create", { Name: "kept", Labels: { purpose: "fixture" } });
  const create = (container: string, more: object) =>
    ask("POST", `/containers/create?name=${container}`, {
      Image: "tiny:1",
      Cmd: ["/program"],
      ...more,
    });
  await create("fresh", { Labels: { kind: "never started" } });
  await create("ended", {
    Env: ["COLOR=blue"],
    HostConfig: { Binds: ["kept:/data"], LogConfig: { Type: "json-file", Config: {} } },
  });
  await create("ran", {
    Cmd: ["/program", "wait"],
    ExposedPorts: { "80/tcp": {} },
    HostConfig: { Memory: 32 << 20, PortBindings: { "80/tcp": [{ HostIp: "127.0.0.1" }] } },
  });
  await create("paused", { Cmd: ["/program", "wait"] });
  await create("passing", {
    Cmd: ["/program", "wait"],
    Volumes: { "/anonymous": {} },
    HostConfig: { AutoRemove: true },
  });
  for (const one of ["ended", "ran", "paused", "passing"]) {
    await ask("POST", `/containers/${one}/start`);
  }
  await ask("POST", "/containers/paused/pause");
  await ask("POST", "/containers/ended/wait");
}

try {
  await using engine = new TestEngine({});
  engine.executable = await buildAt();
  await engine.start();
  await fill(engine);
  await engine.crash();
  const target = resolve(`test/e2e/daemon/testdata/data-root-${name}.tar.gz`);
  const pack = `tar --sort=name --mtime=@0 -C ${engine.root}/data -cf - . | gzip -9n >${target}`;
  await mustRun(["sh", "-c", pack]);
  await engine.start();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
