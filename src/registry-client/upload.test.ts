import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { CancelledError } from "#base/errors.ts";
import { rejectionOf } from "#base/testing/rejection.ts";
import { type Digest, digestOf } from "#spec/digest.ts";
import type { RegistryClient } from "./registry-client.ts";
import type { RetryPolicy } from "./retry.ts";
import { offlineRegistries } from "./testing/offline.ts";
import { seededRandom } from "./testing/seeded-random.ts";
import { type SeenUpload, type UploadFault, UploadRegistry } from "./testing/upload-registry.ts";

const never = new AbortController().signal;
const ATTEMPTS = 4; // of `offlineRegistries()`
const LARGE = noise(1, 3_000_000);
const SMALL = noise(2, 5_000);
let registry: UploadRegistry;
let client: RegistryClient;
let waits: number[] = [];

beforeEach(async () => {
  registry = await UploadRegistry.start();
  waits = [];
  const sleep: RetryPolicy["sleep"] = async (ms) => void waits.push(ms);
  client = offlineRegistries({}, { sleep });
});
afterEach(async () => {
  client[Symbol.dispose]();
  await registry[Symbol.asyncDispose]();
});

function noise(seed: number, length: number): Buffer {
  return createHash("shake256", { outputLength: length }).update(`${seed}`).digest();
}

async function upload(
  bytes: Buffer,
  signal: AbortSignal = never,
  onProgress: (sentBytes: number) => void = () => undefined,
): Promise<void> {
  const repository = await client.repository(
    { domain: registry.domain, path: "a/b" },
    { username: "ann", password: "secret" },
    "push",
  );
  const blob = {
    digest: digestOf(bytes),
    sizeBytes: bytes.length,
    read: async function* (offset: number, end: number) {
      for (let at = offset; at < end; at += 65_536) {
        yield bytes.subarray(at, Math.min(end, at + 65_536));
      }
    },
  };
  await repository.upload(blob, [], onProgress, signal);
}

function has(bytes: Buffer): boolean {
  const digest: Digest = digestOf(bytes);
  return registry.blobs.get(`a/b@${digest}`)?.equals(bytes) === true;
}

/** The fault for the first requests that match, so often as there are faults. */
function faults(isMeant: (request: SeenUpload) => boolean, ...list: readonly UploadFault[]): void {
  const left = [...list];
  registry.fault = (request) => (isMeant(request) ? left.shift() : undefined);
}

function sent(method: string): readonly SeenUpload[] {
  return registry.requests.filter((one) => one.method === method);
}

const isPatch = ({ method }: SeenUpload): boolean => method === "PATCH";
const isPut = ({ method }: SeenUpload): boolean => method === "PUT";

describe("an upload", () => {
  test("that is cut goes on where the registry says that it ended", async () => {
    faults(isPatch, { kind: "cut", afterBytes: 1_000_000 });
    await upload(LARGE);
    expect(has(LARGE)).toBe(true);
    expect(sent("PATCH").map(({ range }) => range)).toEqual([
      undefined,
      expect.stringMatching(/^\d{7}-2999999$/),
    ]);
    expect(sent("POST")).toHaveLength(1);
  });

  test("that the registry has lost is begun anew", async () => {
    faults(isPatch, { kind: "cut", afterBytes: 1_000_000 }, { kind: "lost" });
    const progress: number[] = [];
    await upload(LARGE, never, (bytes) => progress.push(bytes));
    expect(has(LARGE)).toBe(true);
    expect(sent("POST")).toHaveLength(2);
    expect(progress).toContain(0);
  });

  test("that is lost again and again fails by name", async () => {
    registry.fault = (request) => (isPatch(request) ? { kind: "lost" } : undefined);
    expect(await rejectionOf(upload(LARGE))).toBe("blob upload unknown: blob_upload_unknown");
    expect(sent("POST")).toHaveLength(ATTEMPTS);
  });

  test.each([
    ["unanswered", LARGE],
    ["truncated", LARGE],
    ["unanswered", SMALL],
    ["truncated", SMALL],
  ] as const)("whose end is %s is found to be there", async (kind, bytes) => {
    faults(isPut, { kind });
    await upload(bytes);
    expect(has(bytes)).toBe(true);
    expect(sent("POST")).toHaveLength(1);
    expect(registry.uploads.size).toBe(0);
  });

  test("in one request that is cut goes on by another", async () => {
    faults(isPut, { kind: "cut", afterBytes: 1 });
    await upload(SMALL);
    expect(has(SMALL)).toBe(true);
  });

  test("waits as long as the registry asks for", async () => {
    faults(
      isPatch,
      { kind: "status", status: 429, code: "TOOMANYREQUESTS", headers: { "Retry-After": "7" } },
      { kind: "status", status: 503 },
    );
    await upload(LARGE);
    expect(has(LARGE)).toBe(true);
    expect(waits).toEqual([7000, 0]);
  });

  test("that is too large for what stands before the registry goes in chunks", async () => {
    const bytes = noise(4, 17 * 1024 * 1024);
    faults(isPatch, { kind: "status", status: 413 });
    await upload(bytes);
    expect(has(bytes)).toBe(true);
    expect(sent("PATCH").map(({ range }) => range)).toEqual([
      undefined,
      "0-16777215",
      "16777216-17825791",
    ]);
  });

  test("out of step asks where the registry is", async () => {
    faults(isPatch, { kind: "status", status: 416, code: "RANGE_INVALID" });
    await upload(LARGE);
    expect(has(LARGE)).toBe(true);
    expect(sent("GET").some(({ path }) => path.includes("/uploads/"))).toBe(true);
  });

  test("whose bytes came as others is sent once more, and not for ever", async () => {
    faults(isPatch, { kind: "corrupted" });
    await upload(LARGE);
    expect(has(LARGE)).toBe(true);
    const other = noise(3, 2_000_000);
    registry.fault = (request) => (isPatch(request) ? { kind: "corrupted" } : undefined);
    registry.requests.length = 0;
    expect(await rejectionOf(upload(other))).toStartWith("digest invalid");
    expect(sent("POST")).toHaveLength(2);
  });

  test("that another host takes goes there without the credentials", async () => {
    registry.fault = ({ method, path, authorization }) => {
      if (authorization === undefined && !path.includes("?digest=") && method !== "PATCH") {
        const challenge = { "WWW-Authenticate": 'Basic realm="r"' };
        return { kind: "status", status: 401, code: "UNAUTHORIZED", headers: challenge };
      }
      return authorization !== undefined && (method === "PATCH" || method === "PUT")
        ? { kind: "elsewhere" }
        : undefined;
    };
    await upload(LARGE);
    expect(has(LARGE)).toBe(true);
    const moved = [...sent("PATCH"), ...sent("PUT")];
    expect(moved.some(({ authorization }) => authorization !== undefined)).toBe(true);
    expect(moved.some(({ authorization }) => authorization === undefined)).toBe(true);
  });

  test("that fails for good, or is given up, is called off", async () => {
    faults(isPatch, { kind: "status", status: 403, code: "DENIED" });
    expect(await rejectionOf(upload(LARGE))).toStartWith("denied");
    expect(registry.uploads.size).toBe(0);

    const abort = new AbortController();
    const error = new CancelledError("given up");
    expect(await rejectionOf(upload(LARGE, abort.signal, () => abort.abort(error)))).toBe(
      "given up",
    );
    expect(registry.uploads.size).toBe(0);
    expect(sent("DELETE")).toHaveLength(2);
  });
});

test.each(Array.from({ length: 20 }, (_, index) => index + 1))(
  "faults in a row from seed %d end in the true blob, or by name",
  async (seed) => {
    const random = seededRandom(seed);
    const bytes = noise(seed, 100 + Math.trunc(random() * 3_000_000));
    let faultsLeft = 1 + Math.trunc(random() * 6);
    registry.fault = ({ path }) => {
      if (path === "/v2/" || faultsLeft === 0 || random() < 0.3) return undefined;
      faultsLeft--;
      const kinds: readonly UploadFault[] = [
        { kind: "cut", afterBytes: Math.trunc(random() * bytes.length) },
        { kind: "status", status: 503 },
        { kind: "status", status: 429, headers: { "Retry-After": "1" } },
        { kind: "unanswered" },
        { kind: "truncated" },
        { kind: "lost" },
        { kind: "elsewhere" },
      ];
      return kinds[Math.trunc(random() * kinds.length)];
    };
    const outcome = await upload(bytes).then(
      () => "sent",
      (error: unknown) => (error instanceof Error ? error.message : ""),
    );
    if (outcome === "sent") expect(has(bytes)).toBe(true);
    else expect(outcome).toMatch(/127\.0\.0\.1|upload|unexpected status/i);
    for (const [name, stored] of registry.blobs) expect(name).toEndWith(digestOf(stored));
  },
);
