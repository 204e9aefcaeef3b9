// Our registry beside Debian's docker-registry on loopback, by the same client: uploads, downloads, the rate of manifests,
// memory while 16 clients push and pull.
//   bun bench/registry.ts --peer PATH_OF_DOCKER_REGISTRY [--wharf dist/wharf]
import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

const MEGABYTE = 1024 * 1024;
const BLOB_SIZES_MB = [1, 10, 100];
const CONNECTIONS = [1, 16];
const RATE_SECONDS = 3;
const CLIENTS = 16;
const MEMORY_SECONDS = 10;

interface Server extends AsyncDisposable {
  readonly name: string;
  readonly url: string;
  readonly pid: number;
}

const { values } = parseArgs({
  options: { peer: { type: "string" }, wharf: { type: "string", default: "dist/wharf" } },
});

async function start(
  name: string,
  port: number,
  argv: readonly string[],
  folder: string,
): Promise<Server> {
  const child = Bun.spawn([...argv], { stdout: "ignore", stderr: Bun.file(join(folder, "log")) });
  const url = `http://127.0.0.1:${port}`;
  for (let tries = 0; ; tries++) {
    const answer = await fetch(`${url}/v2/`).catch(() => undefined);
    if (answer?.ok) break;
    if (tries > 200) throw new Error(`${name} does not answer`);
    await Bun.sleep(50);
  }
  return {
    name,
    url,
    pid: child.pid,
    [Symbol.asyncDispose]: async () => {
      child.kill();
      await child.exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function newFolder(): string {
  return mkdtempSync(join(tmpdir(), "registry-bench-"));
}

async function startWharf(executable: string): Promise<Server> {
  const folder = newFolder();
  const flags = ["--auth", "none", "--listen", "127.0.0.1:5661", "--root", join(folder, "data")];
  return await start("wharf", 5661, [executable, "registry", "serve", ...flags], folder);
}

async function startPeer(executable: string): Promise<Server> {
  const folder = newFolder();
  const config = join(folder, "config.yml");
  writeFileSync(
    config,
    `version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: ${folder}/data}, delete: {enabled: true}}
http: {addr: "127.0.0.1:5662"}
`,
  );
  return await start("docker-registry", 5662, [executable, "serve", config], folder);
}

function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

/** As docker pushes: POST, one PATCH with everything, PUT. */
async function pushBlob(url: string, bytes: Uint8Array, digest: string): Promise<void> {
  const begun = await fetch(`${url}/v2/bench/image/blobs/uploads/`, { method: "POST" });
  const sent = await fetch(new URL(begun.headers.get("location") ?? "", url), {
    method: "PATCH",
    body: bytes,
    headers: { "Content-Type": "application/octet-stream" },
  });
  const last = new URL(sent.headers.get("location") ?? "", url);
  last.searchParams.set("digest", digest);
  const done = await fetch(last, { method: "PUT" });
  if (done.status !== 201) throw new Error(`push: ${done.status} ${await done.text()}`);
}

async function pullBlob(url: string, digest: string): Promise<number> {
  const answer = await fetch(`${url}/v2/bench/image/blobs/${digest}`);
  let count = 0;
  for await (const piece of answer.body ?? []) count += piece.byteLength;
  return count;
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
}

async function measureBlobs(server: Server, sizeMb: number): Promise<readonly [number, number]> {
  const pushes: number[] = [];
  const pulls: number[] = [];
  for (let round = 0; round < Math.max(3, Math.min(20, 200 / sizeMb)); round++) {
    const bytes = randomBytes(sizeMb * MEGABYTE);
    const digest = digestOf(bytes);
    const beginPush = performance.now();
    await pushBlob(server.url, bytes, digest);
    pushes.push(performance.now() - beginPush);
    const beginPull = performance.now();
    await pullBlob(server.url, digest);
    pulls.push(performance.now() - beginPull);
  }
  return [sizeMb / (median(pushes) / 1000), sizeMb / (median(pulls) / 1000)];
}

async function pushManifest(url: string, tag: string): Promise<void> {
  const config = new TextEncoder().encode("{}");
  const layers = Array.from({ length: 8 }, () => randomBytes(1024));
  for (const blob of [config, ...layers]) await pushBlob(url, blob, digestOf(blob));
  const type = "application/vnd.docker.distribution.manifest.v2+json";
  const body = JSON.stringify({
    schemaVersion: 2,
    mediaType: type,
    config: {
      mediaType: "application/vnd.docker.container.image.v1+json",
      digest: digestOf(config),
      size: config.byteLength,
    },
    layers: layers.map((layer) => ({
      mediaType: "application/vnd.docker.image.rootfs.diff.tar.gzip",
      digest: digestOf(layer),
      size: layer.byteLength,
    })),
  });
  const answer = await fetch(`${url}/v2/bench/image/manifests/${tag}`, {
    method: "PUT",
    body,
    headers: { "Content-Type": type },
  });
  if (answer.status !== 201) throw new Error(`manifest: ${answer.status} ${await answer.text()}`);
}

/** Requests a second over kept connections, one request at a time on each. */
async function manifestRate(server: Server, connections: number): Promise<number> {
  const path = "/v2/bench/image/manifests/v1";
  const accept = "application/vnd.docker.distribution.manifest.v2+json";
  const request = `GET ${path} HTTP/1.1\r\nHost: localhost\r\nAccept: ${accept}\r\n\r\n`;
  const size = await answerSize(server, request);
  const end = performance.now() + RATE_SECONDS * 1000;
  let answered = 0;
  const connect = async (): Promise<void> => {
    const done = Promise.withResolvers<void>();
    let received = 0;
    await Bun.connect({
      hostname: "127.0.0.1",
      port: Number(new URL(server.url).port),
      socket: {
        open: (socket) => void socket.write(request),
        data: (socket, bytes) => {
          received += bytes.byteLength;
          if (received < size) return;
          if (received > size) return done.reject(new Error("answers of different sizes"));
          received = 0;
          answered++;
          if (performance.now() < end) socket.write(request);
          else {
            socket.end();
            done.resolve();
          }
        },
      },
    });
    await done.promise;
  };
  await Promise.all(Array.from({ length: connections }, connect));
  return answered / RATE_SECONDS;
}

/** Bytes of one answer, head and body: all are alike. */
async function answerSize(server: Server, request: string): Promise<number> {
  const done = Promise.withResolvers<number>();
  let text = "";
  await Bun.connect({
    hostname: "127.0.0.1",
    port: Number(new URL(server.url).port),
    socket: {
      open: (socket) => void socket.write(request),
      data: (socket, bytes) => {
        text += bytes.toString("latin1");
        const head = text.indexOf("\r\n\r\n");
        const length = /content-length: (\d+)/i.exec(text)?.[1];
        if (head < 0 || length === undefined || text.length < head + 4 + Number(length)) return;
        done.resolve(head + 4 + Number(length));
        socket.end();
      },
    },
  });
  return await done.promise;
}

function rssMegabytes(pid: number): number {
  const found = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(found?.[1] ?? 0) / 1024;
}

/** Largest resident size while clients push and pull blobs of 4 MB. */
async function measureMemory(server: Server): Promise<number> {
  const end = performance.now() + MEMORY_SECONDS * 1000;
  let highest = 0;
  const sampler = setInterval(() => {
    highest = Math.max(highest, rssMegabytes(server.pid));
  }, 50);
  const client = async (): Promise<void> => {
    while (performance.now() < end) {
      const bytes = randomBytes(4 * MEGABYTE);
      const digest = digestOf(bytes);
      await pushBlob(server.url, bytes, digest);
      await pullBlob(server.url, digest);
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  clearInterval(sampler);
  return highest;
}

async function measure(server: Server): Promise<Map<string, number>> {
  const figures = new Map<string, number>();
  for (const sizeMb of BLOB_SIZES_MB) {
    const [push, pull] = await measureBlobs(server, sizeMb);
    figures.set(`push ${sizeMb} MB (MB/s)`, push);
    figures.set(`pull ${sizeMb} MB (MB/s)`, pull);
  }
  await pushManifest(server.url, "v1");
  for (const connections of CONNECTIONS) {
    const rate = await manifestRate(server, connections);
    figures.set(`manifest GET, ${connections} connections (1/s)`, rate);
  }
  figures.set(`RSS with ${CLIENTS} clients (MB)`, await measureMemory(server));
  return figures;
}

const tables: Map<string, number>[] = [];
const names: string[] = [];
for (const begin of [
  () => startWharf(values.wharf),
  ...(values.peer === undefined ? [] : [() => startPeer(values.peer ?? "")]),
]) {
  await using server = await begin();
  names.push(server.name);
  tables.push(await measure(server));
}
console.log(`| | ${names.join(" | ")} |`);
console.log(`|---|${names.map(() => "---:|").join("")}`);
for (const figure of tables[0]?.keys() ?? []) {
  const cells = tables.map((table) => (table.get(figure) ?? 0).toFixed(0));
  console.log(`| ${figure} | ${cells.join(" | ")} |`);
}
