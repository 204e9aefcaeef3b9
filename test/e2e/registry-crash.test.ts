import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { pullImage, pushImage } from "../harness/registry-client.ts";
import { RegistryServer } from "../harness/registry-server.ts";

const CLIENTS = 32;
const KILLS = 2;
/** Pushes between two kills, over all clients. */
const PUSHES_BETWEEN = Number(process.env["WHARF_TEST_PUSHES"] ?? 40);
const LAYER_BYTES = 200_000;

test("32 clients push and pull while the server is killed twice: all that was acknowledged is there", async () => {
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
        if (error instanceof Error && /came as|toBe/.test(error.message)) throw error;
        failures++; // the server was not there
        await Bun.sleep(5);
      }
    }
  };
  const clients = Array.from({ length: CLIENTS }, (_, id) => client(id));
  const reach = async (count: number): Promise<void> => {
    while (acknowledged.size < count) await Bun.sleep(5);
  };
  for (let kill = 1; kill <= KILLS; kill++) {
    await reach(kill * PUSHES_BETWEEN);
    await server.crash();
    await server.start();
  }
  await reach((KILLS + 1) * PUSHES_BETWEEN);
  isDone.value = true;
  await Promise.all(clients);
  expect(failures).toBeGreaterThan(0);
  for (const [name, digest] of acknowledged) {
    const [repository = "", tag = ""] = name.split(":");
    expect(await pullImage(server.url, repository, tag)).toBe(digest);
  }
  expect(await server.stop()).toBe(0);
}, 120_000);

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
