import { afterAll, beforeAll, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { CONFORMANCE } from "#registry-server/testing/conformance/cases.ts";
import { runCase } from "#registry-server/testing/conformance/case.ts";
import {
  isUnreachable,
  pullImage,
  pushImage,
  sha256,
} from "../../harness/registry/registry-client.ts";
import { RegistryServer } from "../../harness/registry/registry-server.ts";
import { missingStores, SharedStores } from "../../harness/registry/shared-stores.ts";
import { waitUntil } from "../../harness/wait-until.ts";

const missing = missingStores();
if (missing !== undefined) console.log(`SKIP two servers of one registry: ${missing}`);

let stores: SharedStores;
beforeAll(async () => {
  if (missing === undefined) stores = await SharedStores.open();
});
afterAll(async () => {
  await stores?.[Symbol.asyncDispose]();
});

test.skipIf(missing !== undefined)(
  "two servers on one S3 bucket and one PostgreSQL are one registry",
  async () => {
    // both at once: each wants to make the tables
    const [first, second] = await Promise.all([
      RegistryServer.open(stores.serving),
      RegistryServer.open(stores.serving),
    ]);
    await using _first = first;
    await using _second = second;

    const layer = randomBytes(500_000);
    const pushed = await pushImage(first.url, { repository: "a/b", tag: "v1", layer });
    expect(await pullImage(second.url, "a/b", "v1")).toBe(pushed);

    // an upload that goes from one to the other, the first of which dies
    const bytes = randomBytes(300_000);
    const begun = await fetch(`${first.url}/v2/a/b/blobs/uploads/`, { method: "POST" });
    const path = begun.headers.get("location") ?? "";
    expect(begun.headers.get("oci-chunk-min-length")).toBe(String(5 * 1024 * 1024));
    const half = { method: "PATCH", body: bytes.subarray(0, 100_000) };
    expect((await fetch(first.url + path, half)).status).toBe(202);
    await first.crash();
    const status = await fetch(second.url + path);
    expect(status.headers.get("range")).toBe("0-99999");
    const rest = { method: "PUT", body: bytes.subarray(100_000) };
    const done = await fetch(`${second.url}${path}?digest=${sha256(bytes)}`, rest);
    expect(done.status).toBe(201);
    await first.start();
    const blob = `${first.url}/v2/a/b/blobs/${sha256(bytes)}`;
    expect(sha256(await (await fetch(blob)).bytes())).toBe(sha256(bytes));
    const part = await fetch(blob, { headers: { Range: "bytes=99990-100009" } });
    expect(part.status).toBe(206);
    expect(Buffer.compare(await part.bytes(), bytes.subarray(99_990, 100_010))).toBe(0);

    // the same content to both at the same time is stored once
    const same = randomBytes(100_000);
    const digests = await Promise.all(
      [first, second].map(({ url }, at) =>
        pushImage(url, { repository: `same/${at}`, tag: "v1", layer: same }),
      ),
    );
    expect(await pullImage(second.url, "same/0", "v1")).toBe(digests[0] ?? "");
    expect(await pullImage(first.url, "same/1", "v1")).toBe(digests[1] ?? "");

    const collected = await fetch(`${second.url}/api/v1/garbage-collection`, { method: "POST" });
    expect(await collected.json()).toMatchObject({ dryRun: false, blobs: 0, strays: 0 });
    expect(await pullImage(first.url, "a/b", "v1")).toBe(pushed);
    expect(await first.stop()).toBe(0);
    expect(await second.stop()).toBe(0);
  },
  120_000,
);

/** Pushes of each phase: both servers, one after the other was killed, both again. */
const PUSHES = process.env["WHARF_TEST_LONG"] === undefined ? 4 : 300;
const CLIENTS = 4;

test.skipIf(missing !== undefined)(
  "one of two servers is killed while clients push and pull: the other goes on, and collects garbage beside them",
  async () => {
    await using first = await RegistryServer.open(stores.serving);
    await using second = await RegistryServer.open(stores.serving);
    const acknowledged = new Map<string, string>();
    const isDone = { value: false };
    const client = async (id: number): Promise<void> => {
      for (let round = 0; !isDone.value; round++) {
        // pushed to one, pulled from the other while it is there
        const [there, here] = (id + round) % 2 === 0 ? [first, second] : [second, first];
        const image = { repository: `load/client-${id}`, tag: `v${round}` };
        try {
          const digest = await pushImage(there.url, { ...image, layer: randomBytes(20_000) });
          acknowledged.set(`${image.repository}:${image.tag}`, digest);
          expect(await pullImage(here.url, image.repository, image.tag)).toBe(digest);
        } catch (error) {
          if (!isUnreachable(error)) throw error;
          await Bun.sleep(5);
        }
      }
    };
    const clients = Promise.all(Array.from({ length: CLIENTS }, (_, id) => client(id)));
    const phase = async (): Promise<void> => {
      const wanted = acknowledged.size + PUSHES;
      const isOver = (): boolean => acknowledged.size >= wanted;
      await Promise.race([clients, waitUntil("enough pushes", isOver, 120_000)]);
    };
    const collect = async (): Promise<void> => {
      const url = `${second.url}/api/v1/garbage-collection`;
      expect((await fetch(url, { method: "POST" })).status).toBe(201);
    };
    await phase();
    await Promise.all([first.crash(), collect()]);
    await phase();
    await collect();
    await first.start();
    await phase();
    isDone.value = true;
    await clients;
    await collect();
    for (const server of [first, second]) {
      for (const [name, digest] of acknowledged) {
        const [repository = "", tag = ""] = name.split(":");
        expect(await pullImage(server.url, repository, tag)).toBe(digest);
      }
      expect(await server.stop()).toBe(0);
    }
  },
  process.env["WHARF_TEST_LONG"] === undefined ? 180_000 : 900_000,
);

test.skipIf(missing !== undefined)(
  "a server on S3 and PostgreSQL keeps to distribution-spec as one on files does",
  async () => {
    await using server = await RegistryServer.open(stores.serving);
    for (const [category, cases] of Object.entries(CONFORMANCE)) {
      for (const [at, one] of cases.entries()) {
        await runCase(server.url, one, `${category}/case-${at}`);
      }
    }
  },
  120_000,
);
