import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { pullImage, pushImage, sha256 } from "../harness/registry-client.ts";
import { RegistryServer } from "../harness/registry-server.ts";
import { missingStores, SharedStores } from "../harness/shared-stores.ts";

const missing = missingStores();
if (missing !== undefined) console.log(`SKIP two servers of one registry: ${missing}`);

test.skipIf(missing !== undefined)(
  "two servers on one S3 bucket and one PostgreSQL are one registry",
  async () => {
    await using stores = await SharedStores.open();
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
