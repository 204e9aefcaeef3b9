import { expect, test } from "bun:test";
import {
  errorCode,
  pushBlob,
  pushImage,
  TestRegistry,
} from "#registry-server/testing/test-registry.ts";
import { digestOf } from "#spec/digest.ts";
import { OCI_INDEX, OCI_MANIFEST } from "#spec/media-types.ts";

async function beginUpload(registry: TestRegistry, repository = "a/b"): Promise<string> {
  const answer = await registry.fetch("POST", `/v2/${repository}/blobs/uploads/`);
  expect(answer.status).toBe(202);
  expect(answer.headers.get("range")).toBe("0-0");
  return answer.headers.get("location") ?? "";
}

test("a blob comes in chunks, each where the last ended, or 416 with what is there", async () => {
  await using registry = await TestRegistry.open();
  const location = await beginUpload(registry);
  const first = await registry.fetch("PATCH", location, {
    body: "hello ",
    headers: { "Content-Range": "0-5" },
  });
  expect([first.status, first.headers.get("range")]).toEqual([202, "0-5"]);
  const gap = await registry.fetch("PATCH", location, {
    body: "world",
    headers: { "Content-Range": "7-11" },
  });
  expect([gap.status, gap.headers.get("range")]).toEqual([416, "0-5"]);
  expect(gap.headers.get("location")).toBe(location);
  const status = await registry.fetch("GET", location);
  expect([status.status, status.headers.get("range")]).toEqual([204, "0-5"]);
  const digest = digestOf("hello world");
  const last = await registry.fetch("PUT", `${location}?digest=${digest}`, {
    body: "world",
    headers: { "Content-Range": "6-10" },
  });
  expect(last.status).toBe(201);
  expect(last.headers.get("docker-content-digest")).toBe(digest);
  const blob = await registry.fetch("GET", last.headers.get("location") ?? "");
  expect(await blob.text()).toBe("hello world");
  expect((await registry.fetch("GET", location)).status).toBe(404);
});

test("an upload whose digest is wrong is refused and gone", async () => {
  await using registry = await TestRegistry.open();
  const location = await beginUpload(registry);
  const wrong = digestOf("other");
  const answer = await registry.fetch("PUT", `${location}?digest=${wrong}`, { body: "this" });
  expect([answer.status, await errorCode(answer)]).toEqual([400, "DIGEST_INVALID"]);
  expect((await registry.fetch("GET", location)).status).toBe(404);
  expect((await registry.fetch("HEAD", `/v2/a/b/blobs/${wrong}`)).status).toBe(404);
});

test("uploads refuse ranges and lengths that contradict each other", async () => {
  await using registry = await TestRegistry.open();
  const location = await beginUpload(registry);
  const cases = [
    { range: "0-3", status: 400, code: "SIZE_INVALID" },
    { range: "abc", status: 416, code: "RANGE_INVALID" },
    { range: "9-2", status: 416, code: "RANGE_INVALID" },
  ];
  for (const { range, status, code } of cases) {
    const headers = { "Content-Range": range };
    const answer = await registry.fetch("PATCH", location, { body: "hello", headers });
    expect([range, answer.status, await errorCode(answer)]).toEqual([range, status, code]);
  }
  const none = await registry.fetch("PUT", location);
  expect([none.status, await errorCode(none)]).toEqual([400, "DIGEST_INVALID"]);
});

test("an upload goes on after a restart, and its digest is that of all bytes", async () => {
  await using registry = await TestRegistry.open();
  const location = await beginUpload(registry);
  await registry.fetch("PATCH", location, { body: "hello " });
  await registry.stop();
  await registry.start();
  const status = await registry.fetch("GET", location);
  expect(status.headers.get("range")).toBe("0-5");
  const path = `${location}?digest=${digestOf("hello world", "sha512")}`;
  expect((await registry.fetch("PUT", path, { body: "world" })).status).toBe(201);
});

test("an upload can be cancelled", async () => {
  await using registry = await TestRegistry.open();
  const location = await beginUpload(registry);
  expect((await registry.fetch("DELETE", location)).status).toBe(204);
  expect((await registry.fetch("PATCH", location, { body: "x" })).status).toBe(404);
});

test("a blob is mounted from a named repository, or from any, without its bytes", async () => {
  await using registry = await TestRegistry.open();
  const digest = await pushBlob(registry, "from/here", "content");
  for (const query of [`mount=${digest}&from=from/here`, `mount=${digest}`]) {
    const answer = await registry.fetch("POST", `/v2/to/there/blobs/uploads/?${query}`);
    expect([query, answer.status]).toEqual([query, 201]);
  }
  const elsewhere = `/v2/to/there/blobs/uploads/?mount=${digest}&from=not/there`;
  expect((await registry.fetch("POST", elsewhere)).status).toBe(202);
  const unknown = `/v2/to/there/blobs/uploads/?mount=${digestOf("nothing")}&from=from/here`;
  expect((await registry.fetch("POST", unknown)).status).toBe(202);
});

test("blobs answer HEAD, ranges and conditions", async () => {
  await using registry = await TestRegistry.open();
  const path = `/v2/a/b/blobs/${await pushBlob(registry, "a/b", "0123456789")}`;
  const head = await registry.fetch("HEAD", path);
  expect(head.headers.get("content-length")).toBe("10");
  const part = await registry.fetch("GET", path, { headers: { Range: "bytes=2-4" } });
  expect([part.status, part.headers.get("content-range")]).toEqual([206, "bytes 2-4/10"]);
  expect(await part.text()).toBe("234");
  const tail = await registry.fetch("GET", path, { headers: { Range: "bytes=-3" } });
  expect(await tail.text()).toBe("789");
  const beyond = await registry.fetch("GET", path, { headers: { Range: "bytes=10-" } });
  expect([beyond.status, beyond.headers.get("content-range")]).toEqual([416, "bytes */10"]);
  const known = await registry.fetch("GET", path, {
    headers: { "If-None-Match": head.headers.get("etag") ?? "" },
  });
  expect(known.status).toBe(304);
});

test("the empty blob can be pushed and pulled", async () => {
  await using registry = await TestRegistry.open();
  const path = `/v2/a/b/blobs/${await pushBlob(registry, "a/b", "")}`;
  const answer = await registry.fetch("GET", path);
  expect([answer.status, answer.headers.get("content-length")]).toEqual([200, "0"]);
});

test("a manifest comes back byte for byte, by tag and digest, with its type", async () => {
  await using registry = await TestRegistry.open();
  const { digest, body } = await pushImage(registry, "a/b", "v1", {
    more: { annotations: { "com.example.ключ": "ценность" }, unknown: [1, 2] },
  });
  for (const reference of ["v1", digest]) {
    const answer = await registry.fetch("GET", `/v2/a/b/manifests/${reference}`);
    expect(answer.headers.get("content-type")).toBe(OCI_MANIFEST);
    expect(answer.headers.get("docker-content-digest")).toBe(digest);
    expect(await answer.text()).toBe(body);
    const head = await registry.fetch("HEAD", `/v2/a/b/manifests/${reference}`);
    expect(head.headers.get("content-length")).toBe(String(Buffer.byteLength(body)));
  }
});

test("manifests that are none are refused by code", async () => {
  await using registry = await TestRegistry.open();
  const missing = JSON.stringify({
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: { mediaType: "x/y", digest: digestOf("no"), size: 2 },
    layers: [],
  });
  const cases: readonly (readonly [string, string, number, string])[] = [
    ["v1", "not json", 400, "MANIFEST_INVALID"],
    ["v1", "[]", 400, "MANIFEST_INVALID"],
    ["v1", JSON.stringify({ schemaVersion: 1 }), 400, "MANIFEST_INVALID"],
    ["v1", missing, 404, "MANIFEST_BLOB_UNKNOWN"],
    [digestOf("other"), missing, 400, "DIGEST_INVALID"],
    ["sha256:12", missing, 400, "DIGEST_INVALID"],
    [".v1", missing, 400, "TAG_INVALID"],
    ["v1", " ".repeat(4 * 1024 * 1024 + 1), 413, "SIZE_INVALID"],
  ];
  for (const [reference, body, status, code] of cases) {
    const answer = await registry.fetch("PUT", `/v2/a/b/manifests/${reference}`, { body });
    expect([body.slice(0, 20), answer.status, await errorCode(answer)]).toEqual([
      body.slice(0, 20),
      status,
      code,
    ]);
  }
  const unknown = await registry.fetch("GET", "/v2/a/b/manifests/v1");
  expect([unknown.status, await errorCode(unknown)]).toEqual([404, "MANIFEST_UNKNOWN"]);
});

test("a manifest of 4 MiB is taken", async () => {
  await using registry = await TestRegistry.open();
  const { body } = await pushImage(registry, "a/b", "small");
  const padding = "x".repeat(4 * 1024 * 1024 - body.length - 40);
  const large = await pushImage(registry, "a/b", "large", { more: { annotations: { padding } } });
  const answer = await registry.fetch("GET", "/v2/a/b/manifests/large");
  expect((await answer.text()).length).toBe(large.body.length);
});

test("one push by digest sets several tags", async () => {
  await using registry = await TestRegistry.open();
  const { digest, body } = await pushImage(registry, "a/b", "");
  const answer = await registry.fetch("PUT", `/v2/a/b/manifests/${digest}?tag=one&tag=two`, {
    body,
    headers: { "Content-Type": OCI_MANIFEST },
  });
  expect(answer.headers.get("oci-tag")).toBe("one, two");
  const list = await registry.fetch("GET", "/v2/a/b/tags/list");
  expect(await list.json()).toEqual({ name: "a/b", tags: ["one", "two"] });
});

test("tags come in pages by n and last, and n=0 is an empty one", async () => {
  await using registry = await TestRegistry.open();
  for (const tag of ["b", "a", "C", "d"]) await pushImage(registry, "a/b", tag);
  const pages: unknown[] = [];
  for (let path = "/v2/a/b/tags/list?n=3"; path !== ""; ) {
    const answer = await registry.fetch("GET", path);
    pages.push(((await answer.json()) as { tags: unknown }).tags);
    path = /^<(.*)>; rel="next"$/.exec(answer.headers.get("link") ?? "")?.[1] ?? "";
  }
  expect(pages).toEqual([["C", "a", "b"], ["d"]]);
  const none = await registry.fetch("GET", "/v2/a/b/tags/list?n=0");
  expect([await none.json(), none.headers.get("link")]).toEqual([{ name: "a/b", tags: [] }, null]);
  const wrong = await registry.fetch("GET", "/v2/a/b/tags/list?n=-1");
  expect([wrong.status, await errorCode(wrong)]).toEqual([400, "PAGINATION_NUMBER_INVALID"]);
  const unknown = await registry.fetch("GET", "/v2/no/one/tags/list");
  expect([unknown.status, await errorCode(unknown)]).toEqual([404, "NAME_UNKNOWN"]);
});

test("referrers are listed, filtered and paged, and never 404", async () => {
  await using registry = await TestRegistry.open();
  const image = await pushImage(registry, "a/b", "v1");
  const subject = { mediaType: OCI_MANIFEST, digest: image.digest, size: image.body.length };
  for (const artifactType of ["application/sbom", "application/sig"]) {
    const more = { subject, artifactType, annotations: { kind: artifactType } };
    const body = JSON.stringify({ ...JSON.parse(image.body), ...more });
    const answer = await registry.fetch("PUT", `/v2/a/b/manifests/${digestOf(body)}`, {
      body,
      headers: { "Content-Type": OCI_MANIFEST },
    });
    expect(answer.headers.get("oci-subject")).toBe(image.digest);
  }
  const path = `/v2/a/b/referrers/${image.digest}`;
  const all = await registry.fetch("GET", path);
  expect(all.headers.get("content-type")).toBe(OCI_INDEX);
  expect(((await all.json()) as { manifests: unknown[] }).manifests).toHaveLength(2);
  const some = await registry.fetch("GET", `${path}?artifactType=application/sig`);
  expect(some.headers.get("oci-filters-applied")).toBe("artifactType");
  const { manifests } = (await some.json()) as { manifests: Record<string, unknown>[] };
  expect(manifests.map((one) => [one["artifactType"], one["annotations"]])).toEqual([
    ["application/sig", { kind: "application/sig" }],
  ]);
  const page = await registry.fetch("GET", `${path}?n=1`);
  const next = /^<(.*)>; rel="next"$/.exec(page.headers.get("link") ?? "")?.[1] ?? "";
  const second = await registry.fetch("GET", next);
  expect(((await second.json()) as { manifests: unknown[] }).manifests).toHaveLength(1);
  expect(second.headers.get("link")).toBeNull();
  const none = await registry.fetch("GET", `/v2/not/there/referrers/${digestOf("x")}`);
  expect([none.status, await none.json()]).toEqual([
    200,
    { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [] },
  ]);
  expect((await registry.fetch("GET", "/v2/a/b/referrers/nonsense")).status).toBe(400);
});

test("deleting: a tag leaves the manifest, a manifest takes its tags, a needed blob stays", async () => {
  await using registry = await TestRegistry.open();
  const { digest, blobs } = await pushImage(registry, "a/b", "v1");
  await pushImage(registry, "a/b", "v2");
  expect((await registry.fetch("DELETE", "/v2/a/b/manifests/v1")).status).toBe(202);
  expect((await registry.fetch("GET", `/v2/a/b/manifests/${digest}`)).status).toBe(200);
  const needed = await registry.fetch("DELETE", `/v2/a/b/blobs/${blobs[0]}`);
  expect([needed.status, await errorCode(needed)]).toEqual([405, "UNSUPPORTED"]);
  expect((await registry.fetch("DELETE", `/v2/a/b/manifests/${digest}`)).status).toBe(202);
  expect((await registry.fetch("GET", "/v2/a/b/manifests/v2")).status).toBe(404);
  expect((await registry.fetch("DELETE", `/v2/a/b/blobs/${blobs[0]}`)).status).toBe(202);
  expect((await registry.fetch("GET", `/v2/a/b/blobs/${blobs[0]}`)).status).toBe(404);
  expect((await registry.fetch("DELETE", "/v2/a/b/manifests/v1")).status).toBe(404);
});

test("an index needs its manifests", async () => {
  await using registry = await TestRegistry.open();
  const { digest, body } = await pushImage(registry, "a/b", "");
  const index = (child: string): string =>
    JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_INDEX,
      manifests: [{ mediaType: OCI_MANIFEST, digest: child, size: body.length }],
    });
  const put = (child: string): Promise<Response> =>
    registry.fetch("PUT", "/v2/a/b/manifests/multi", {
      body: index(child),
      headers: { "Content-Type": OCI_INDEX },
    });
  const refused = await put(digestOf("x"));
  expect([refused.status, await errorCode(refused)]).toEqual([404, "MANIFEST_BLOB_UNKNOWN"]);
  expect((await put(digest)).status).toBe(201);
});

test("names that are none, and paths that are no endpoint", async () => {
  await using registry = await TestRegistry.open();
  const bad = await registry.fetch("GET", "/v2/Upper/manifests/v1");
  expect([bad.status, await errorCode(bad)]).toEqual([400, "NAME_INVALID"]);
  const long = await registry.fetch("GET", `/v2/${"a/".repeat(200)}b/manifests/v1`);
  expect([long.status, await errorCode(long)]).toEqual([400, "NAME_INVALID"]);
  expect((await registry.fetch("GET", "/v2/a/b/nothing/v1")).status).toBe(404);
  expect((await registry.fetch("POST", "/v2/a/b/manifests/v1")).status).toBe(405);
  expect((await registry.fetch("GET", "/v2/a%2/manifests/v1")).status).toBe(400);
  const named = await pushImage(registry, "a/blobs/uploads", "manifests");
  const answer = await registry.fetch("GET", "/v2/a/blobs/uploads/manifests/manifests");
  expect(answer.headers.get("docker-content-digest")).toBe(named.digest);
});

test("the catalogue comes in pages", async () => {
  await using registry = await TestRegistry.open();
  for (const name of ["c", "a/b", "a/a"]) await pushBlob(registry, name, "x");
  const first = await registry.fetch("GET", "/v2/_catalog?n=2");
  expect(await first.json()).toEqual({ repositories: ["a/a", "a/b"] });
  expect(first.headers.get("link")).toBe('</v2/_catalog?n=2&last=a%2Fb>; rel="next"');
});
