import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { isUnreachable, pullImage, pushImage } from "../../harness/registry/registry-client.ts";
import { RegistryServer } from "../../harness/registry/registry-server.ts";
import { waitUntil } from "../../harness/wait-until.ts";

const CLIENTS = 32;
const KILLS = 2;
const isLong = process.env["WHARF_TEST_LONG"] !== undefined;
/** Pushes between two kills, over all clients, and least time that passes there. */
const PUSHES_BETWEEN = 40;
const BETWEEN_MS = isLong ? 20_000 : 0;
const LAYER_BYTES = 64 * 1024;

test(
  "32 clients push and pull while the server is killed twice: all that was acknowledged is there",
  async () => {
    await using server = await RegistryServer.open({ flags: ["--auth", "none"] });
    const acknowledged = new Map<string, string>();
    const isDone = { value: false };
    let failures = 0;
    const client = async (id: number): Promise<void> => {
      for (let round = 0; !isDone.value; round++) {
        const repository = `load/client-${id}`;
        const tag = `v${round}`;
        try {
          const layer = randomBytes(LAYER_BYTES);
          const digest = await pushImage(server.url, { repository, tag, layer });
          acknowledged.set(`${repository}:${tag}`, digest);
          expect(await pullImage(server.url, repository, tag)).toBe(digest);
        } catch (error) {
          // a server that is not there is no answer; any answer but the right one is a fault
          if (!isUnreachable(error)) throw error;
          failures++;
          await Bun.sleep(5);
        }
      }
    };
    const clients = Promise.all(Array.from({ length: CLIENTS }, (_, id) => client(id)));
    const phase = async (): Promise<void> => {
      const beginMs = performance.now();
      const wanted = acknowledged.size + PUSHES_BETWEEN;
      const isOver = (): boolean =>
        acknowledged.size >= wanted && performance.now() - beginMs >= BETWEEN_MS;
      await Promise.race([clients, waitUntil("enough pushes", isOver, BETWEEN_MS + 60_000)]);
    };
    for (let kill = 1; kill <= KILLS; kill++) {
      await phase();
      await server.crash();
      await server.start();
    }
    await phase();
    isDone.value = true;
    await clients;
    expect(failures).toBeGreaterThan(0);
    const names = [...acknowledged];
    const check = async (): Promise<void> => {
      for (let next = names.pop(); next; next = names.pop()) {
        const [repository = "", tag = ""] = next[0].split(":");
        expect(await pullImage(server.url, repository, tag)).toBe(next[1]);
      }
    };
    await Promise.all(Array.from({ length: 8 }, check));
    console.log(`${acknowledged.size} pushes were acknowledged, ${failures} met no server`);
    expect(await server.stop()).toBe(0);
  },
  isLong ? 600_000 : 120_000,
);

test("an upload goes on after kill -9 from where the server says, and no half blob shows", async () => {
  await using server = await RegistryServer.open({ flags: ["--auth", "none"] });
  const bytes = randomBytes(3_000_000);
  const digest = `sha256:${new Bun.CryptoHasher("sha256").update(bytes).digest("hex")}`;
  const begun = await fetch(`${server.url}/v2/a/b/blobs/uploads/`, { method: "POST" });
  const location = new URL(begun.headers.get("location") ?? "", server.url);
  const first = await fetch(location, { method: "PATCH", body: bytes.subarray(0, 1_000_000) });
  expect(first.headers.get("range")).toBe("0-999999");
  // a second chunk that never ends
  const sent = Promise.withResolvers<void>();
  const broken = fetch(location, {
    method: "PATCH",
    body: new ReadableStream({
      start: (controller) => controller.enqueue(bytes.subarray(1_000_000, 2_000_000)),
      pull: () => {
        sent.resolve();
        return new Promise(() => undefined);
      },
    }),
  }).catch(() => undefined);
  await sent.promise;
  await server.crash();
  await broken;
  await server.start();
  expect((await fetch(`${server.url}/v2/a/b/blobs/${digest}`)).status).toBe(404);
  const status = await fetch(location);
  const last = Number(/^0-(\d+)$/.exec(status.headers.get("range") ?? "")?.[1]);
  expect(last).toBeGreaterThanOrEqual(999_999);
  location.searchParams.set("digest", digest);
  const rest = await fetch(location, { method: "PUT", body: bytes.subarray(last + 1) });
  expect(rest.status).toBe(201);
  const pulled = await (await fetch(`${server.url}/v2/a/b/blobs/${digest}`)).bytes();
  expect(Buffer.compare(pulled, bytes)).toBe(0);
}, 60_000);
