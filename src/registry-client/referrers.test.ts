import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { rejectionOf } from "#base/testing/rejection.ts";
import { type Digest, digestOf } from "#spec/digest.ts";
import { OCI_INDEX, OCI_MANIFEST } from "#spec/media-types.ts";
import type { RegistryClient } from "./registry-client.ts";
import type { Repository } from "./repository.ts";
import { offlineRegistries } from "./testing/offline.ts";
import { UploadRegistry } from "./testing/upload-registry.ts";

const never = new AbortController().signal;
const SUBJECT: Digest = digestOf("an image");
const FALLBACK = `a/b:${SUBJECT.replace(":", "-")}`;
let registry: UploadRegistry;
let client: RegistryClient;

beforeEach(async () => {
  registry = await UploadRegistry.start();
  client = offlineRegistries();
});
afterEach(async () => {
  client[Symbol.dispose]();
  await registry[Symbol.asyncDispose]();
});

async function open(domain = registry.domain): Promise<Repository> {
  return await client.repository({ domain, path: "a/b" }, {}, "push");
}

function signature(name: string, fields: object = {}): Uint8Array {
  const empty = { mediaType: "application/vnd.oci.empty.v1+json", digest: digestOf("{}"), size: 2 };
  return Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      config: empty,
      layers: [],
      subject: { mediaType: OCI_MANIFEST, digest: SUBJECT, size: 8 },
      annotations: { name },
      ...fields,
    }),
  );
}

async function push(bytes: Uint8Array): Promise<Digest> {
  const repository = await open();
  return await repository.putManifest(digestOf(bytes), { mediaType: OCI_MANIFEST, bytes }, never);
}

function fallback(): { readonly manifests: readonly unknown[]; readonly annotations?: unknown } {
  const bytes = registry.manifests.get(FALLBACK)?.bytes;
  return JSON.parse(bytes?.toString() ?? '{"manifests":[]}') as { manifests: unknown[] };
}

describe("a registry without a list of referrers", () => {
  test("is given an index under the subject's tag, which grows and is read", async () => {
    const first = signature("one", { artifactType: "text/signature" });
    const second = signature("two");
    const digests = [await push(first), await push(second), await push(first)];
    expect(fallback() as unknown).toEqual({
      schemaVersion: 2,
      mediaType: OCI_INDEX,
      manifests: [
        {
          mediaType: OCI_MANIFEST,
          digest: digestOf(first),
          size: first.length,
          annotations: { name: "one" },
          artifactType: "text/signature",
        },
        {
          mediaType: OCI_MANIFEST,
          digest: digestOf(second),
          size: second.length,
          annotations: { name: "two" },
          artifactType: "application/vnd.oci.empty.v1+json",
        },
      ],
    });
    const repository = await open();
    const all = await repository.referrers(SUBJECT, undefined, never);
    expect(all.source).toBe("tag");
    expect(all.referrers.map(({ digest }) => digest)).toEqual(digests.slice(0, 2));
    const signatures = await repository.referrers(SUBJECT, "text/signature", never);
    expect(signatures.referrers.map(({ digest }) => digest)).toEqual(digests.slice(0, 1));
    const none = await repository.referrers(digestOf("another"), undefined, never);
    expect(none.referrers).toEqual([]);
  });

  test("keeps what others have written into the index", async () => {
    const other = { mediaType: OCI_MANIFEST, digest: digestOf("x"), size: 1, data: "eA==" };
    const index = {
      schemaVersion: 2,
      mediaType: OCI_INDEX,
      manifests: [other],
      annotations: { by: "another client" },
    };
    const bytes = Buffer.from(JSON.stringify(index));
    registry.manifests.set(FALLBACK, { type: OCI_INDEX, bytes });
    await push(signature("one"));
    expect(fallback().manifests).toHaveLength(2);
    expect(fallback().manifests[0]).toEqual(other);
    expect(fallback().annotations).toEqual({ by: "another client" });
  });

  test("that does not take the index is named", async () => {
    registry.fault = ({ method, path }) =>
      method === "PUT" && path.endsWith(FALLBACK.slice(4))
        ? { kind: "status", status: 403, code: "DENIED" }
        : undefined;
    expect(await rejectionOf(push(signature("one")))).toContain(
      `The manifest is pushed, but not listed among what refers to ${SUBJECT}`,
    );
  });
});

describe("a registry with a list of referrers", () => {
  test("is left alone when it says that it knows the subject", async () => {
    registry.subjectOf = () => SUBJECT;
    await push(signature("one"));
    expect(registry.manifests.has(FALLBACK)).toBe(false);
  });

  test("is read page by page; a filter that it passes over is made up for", async () => {
    const entries = Array.from({ length: 5 }, (_, index) => ({
      mediaType: OCI_MANIFEST,
      digest: digestOf(`${index}`),
      size: 1,
      artifactType: index % 2 === 0 ? "even" : "odd",
    }));
    const asked: string[] = [];
    using server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: (request) => {
        const url = new URL(request.url);
        asked.push(`${url.pathname}${url.search}`);
        const at = Number(url.searchParams.get("at") ?? "0");
        const index = {
          schemaVersion: 2,
          mediaType: OCI_INDEX,
          manifests: entries.slice(at, at + 2),
        };
        const link = `<${url.pathname}?at=${at + 2}>; rel="next"`;
        return Response.json(index, {
          headers: { "Content-Type": OCI_INDEX, ...(at < 4 ? { Link: link } : {}) },
        });
      },
    });
    const repository = await open(`127.0.0.1:${server.port}`);
    const all = await repository.referrers(SUBJECT, undefined, never);
    expect(all.source).toBe("api");
    expect(all.referrers).toHaveLength(5);
    const even = await repository.referrers(SUBJECT, "even", never);
    expect(even.referrers.map(({ digest }) => digest)).toEqual(
      [0, 2, 4].map((index) => digestOf(`${index}`)),
    );
    expect(asked).toContain(`/v2/a/b/referrers/${SUBJECT}?artifactType=even`);
  });

  test("that never comes to an end is given up by name", async () => {
    const one = { mediaType: OCI_MANIFEST, digest: digestOf("x"), size: 1 };
    const manifests = Array.from({ length: 4000 }, () => one);
    using server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: (request) =>
        Response.json(
          { schemaVersion: 2, mediaType: OCI_INDEX, manifests },
          { headers: { "Content-Type": OCI_INDEX, Link: `<${request.url}>; rel="next"` } },
        ),
    });
    const repository = await open(`127.0.0.1:${server.port}`);
    expect(await rejectionOf(repository.referrers(SUBJECT, undefined, never))).toContain(
      "names more than 10000",
    );
  });
});
