// Our registry beside Debian's docker-registry on loopback, by the same client: uploads, downloads, the rate of manifests,
// an image of eight layers, throughput and memory while 16 clients push and pull. Both run side by side and take turns,
// so that the machine's drift hits both alike.
//   bun bench/registry.ts --peer PATH_OF_DOCKER_REGISTRY [--wharf dist/wharf] [--image-mb 1024]
import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

const MEGABYTE = 1024 * 1024;
const BLOB_SIZES_MB = [1, 10, 100];
const CONNECTIONS = [1, 16];
const RATE_SECONDS = 3;
const RATE_ROUNDS = 3;
const LAYERS = 8;
const CLIENTS = 16;
const MEMORY_SECONDS = 10;

interface Server extends AsyncDisposable {
  readonly name: string;
  readonly url: string;
  readonly pid: number;
}

const { values } = parseArgs({
  options: {
    peer: { type: "string" },
    wharf: { type: "string", default: "dist/wharf" },
    "image-mb": { type: "string", default: "1024" },
  },
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

/** Reads the answer off the socket and drops it: a client that costs next to nothing. @returns Bytes. */
async function pullBlob(url: string, digest: string): Promise<number> {
  const done = Promise.withResolvers<number>();
  let head = "";
  let expected = Number.POSITIVE_INFINITY;
  let received = 0;
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port: Number(new URL(url).port),
    socket: {
      data: (_, bytes) => {
        received += bytes.byteLength;
        if (expected === Number.POSITIVE_INFINITY) {
          head += bytes.toString("latin1");
          const end = head.indexOf("\r\n\r\n");
          if (end < 0) return;
          if (!head.startsWith("HTTP/1.1 200")) done.reject(new Error(head.slice(0, end)));
          expected = end + 4 + Number(/content-length: (\d+)/i.exec(head)?.[1]);
        }
        if (received >= expected) done.resolve(received);
      },
      close: () => done.reject(new Error("the connection was closed")),
    },
  });
  socket.write(`GET /v2/bench/image/blobs/${digest} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  const count = await done.promise;
  socket.end();
  return count;
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
}

/** Megabytes a second of each server: [push, pull]. */
async function measureBlobs(
  servers: readonly Server[],
  sizeMb: number,
): Promise<readonly (readonly [number, number])[]> {
  const times = servers.map(() => ({ pushes: [] as number[], pulls: [] as number[] }));
  for (let round = 0; round < Math.max(7, Math.min(20, 200 / sizeMb)); round++) {
    const bytes = randomBytes(sizeMb * MEGABYTE);
    const digest = digestOf(bytes);
    for (const [at, server] of servers.entries()) {
      const beginPush = performance.now();
      await pushBlob(server.url, bytes, digest);
      times[at]?.pushes.push(performance.now() - beginPush);
    }
    for (const [at, server] of servers.entries()) {
      const beginPull = performance.now();
      await pullBlob(server.url, digest);
      times[at]?.pulls.push(performance.now() - beginPull);
    }
  }
  const rate = (durations: readonly number[]): number => sizeMb / (median(durations) / 1000);
  return times.map(({ pushes, pulls }) => [rate(pushes), rate(pulls)] as const);
}

/** Layers that a packer made: bytes that are packed anew cost the same to send, whatever packed them. */
async function makeLayers(
  kind: "gzip" | "zstd",
  totalMb: number,
): Promise<readonly Uint8Array<ArrayBuffer>[]> {
  const part = Math.max(1, Math.floor(totalMb / LAYERS)) * MEGABYTE;
  return await Promise.all(
    Array.from({ length: LAYERS }, async () => {
      // half of it random: packs to about half, as real layers do
      const bytes = Buffer.concat([randomBytes(part / 2), Buffer.alloc(part / 2, "layer ")]);
      const packed =
        kind === "gzip" ? Bun.gzipSync(bytes, { level: 1 }) : await Bun.zstdCompress(bytes);
      return new Uint8Array(packed);
    }),
  );
}

/** Seconds of each server: [push, pull] of all layers, three at a time as docker does. */
async function measureImage(
  servers: readonly Server[],
  layers: readonly Uint8Array<ArrayBuffer>[],
): Promise<readonly (readonly [number, number])[]> {
  const threeAtATime = async (
    work: (layer: Uint8Array<ArrayBuffer>) => Promise<unknown>,
  ): Promise<number> => {
    const begin = performance.now();
    const waiting = [...layers];
    const lane = async (): Promise<void> => {
      for (let next = waiting.pop(); next; next = waiting.pop()) await work(next);
    };
    await Promise.all([lane(), lane(), lane()]);
    return (performance.now() - begin) / 1000;
  };
  const digests = new Map(layers.map((layer) => [layer, digestOf(layer)]));
  const results: (readonly [number, number])[] = [];
  for (const { url } of servers) {
    const push = await threeAtATime((layer) => pushBlob(url, layer, digests.get(layer) ?? ""));
    const pull = await threeAtATime((layer) => pullBlob(url, digests.get(layer) ?? ""));
    results.push([push, pull]);
  }
  return results;
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

/** Megabytes a second, both ways together, and largest resident size while clients push and pull blobs of 4 MB. */
async function measureLoad(server: Server): Promise<readonly [number, number]> {
  const begin = performance.now();
  const end = begin + MEMORY_SECONDS * 1000;
  let [highest, moved] = [0, 0];
  const sampler = setInterval(() => {
    highest = Math.max(highest, rssMegabytes(server.pid));
  }, 50);
  const client = async (): Promise<void> => {
    const bytes = randomBytes(4 * MEGABYTE);
    for (let round = 0; performance.now() < end; round++) {
      bytes.writeUInt32LE(round); // another blob, without the price of making one
      const digest = digestOf(bytes);
      await pushBlob(server.url, bytes, digest);
      await pullBlob(server.url, digest);
      moved += 8;
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  clearInterval(sampler);
  return [moved / ((performance.now() - begin) / 1000), highest];
}

type Figure = readonly number[];

async function measure(servers: readonly Server[]): Promise<Map<string, Figure>> {
  const figures = new Map<string, Figure>();
  const imageMb = Number(values["image-mb"]);
  for (const sizeMb of BLOB_SIZES_MB) {
    const rates = await measureBlobs(servers, sizeMb);
    figures.set(
      `push ${sizeMb} MB (MB/s)`,
      rates.map(([push]) => push),
    );
    figures.set(
      `pull ${sizeMb} MB (MB/s)`,
      rates.map(([, pull]) => pull),
    );
  }
  for (const kind of ["gzip", "zstd"] as const) {
    // who comes second writes to a disk that is warm: each is second as often
    const there = await measureImage(servers, await makeLayers(kind, imageMb));
    const back = await measureImage(servers.toReversed(), await makeLayers(kind, imageMb));
    const means = there.map(([push, pull], at) => {
      const [otherPush = push, otherPull = pull] = back.at(-1 - at) ?? [];
      return [(push + otherPush) / 2, (pull + otherPull) / 2] as const;
    });
    const name = `image of ${imageMb} MB, ${LAYERS} layers, ${kind}`;
    figures.set(
      `push ${name} (s)`,
      means.map(([push]) => push),
    );
    figures.set(
      `pull ${name} (s)`,
      means.map(([, pull]) => pull),
    );
  }
  for (const server of servers) await pushManifest(server.url, "v1");
  for (const connections of CONNECTIONS) {
    const rates: number[][] = servers.map(() => []);
    for (let round = 0; round < RATE_ROUNDS; round++) {
      for (const [at, server] of servers.entries()) {
        rates[at]?.push(await manifestRate(server, connections));
      }
    }
    figures.set(`manifest GET, ${connections} connections (1/s)`, rates.map(median));
  }
  const loads: (readonly [number, number])[] = [];
  for (const server of servers) loads.push(await measureLoad(server));
  figures.set(
    `${CLIENTS} clients push and pull 4 MB (MB/s)`,
    loads.map(([rate]) => rate),
  );
  figures.set(
    `RSS with ${CLIENTS} clients (MB)`,
    loads.map(([, rss]) => rss),
  );
  return figures;
}

await using open = new AsyncDisposableStack();
const servers: Server[] = [open.use(await startWharf(values.wharf))];
if (values.peer !== undefined) servers.push(open.use(await startPeer(values.peer)));
const table = await measure(servers);
console.log(`| | ${servers.map(({ name }) => name).join(" | ")} | ratio |`);
console.log(`|---|${servers.map(() => "---:|").join("")}---:|`);
for (const [name, [ours = 0, ...others]] of table) {
  const cells = [ours, ...others].map((figure) => figure.toFixed(figure < 10 ? 1 : 0));
  const ratio = others[0] === undefined ? "" : (ours / others[0]).toFixed(2);
  console.log(`| ${name} | ${cells.join(" | ")} | ${ratio} |`);
}
