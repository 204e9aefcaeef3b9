import { createHash } from "node:crypto";

const MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json";

export function sha256(bytes: Uint8Array | string): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

async function expectStatus(answer: Response, ...wanted: readonly number[]): Promise<Response> {
  if (wanted.includes(answer.status)) return answer;
  throw new Error(`${answer.url}: ${answer.status} ${await answer.text()}`);
}

/** Pushes a blob as docker does: POST, one PATCH, PUT. @throws {Error} Not acknowledged. */
export async function pushBlob(
  url: string,
  repository: string,
  bytes: Uint8Array,
): Promise<string> {
  const digest = sha256(bytes);
  const begun = await expectStatus(
    await fetch(`${url}/v2/${repository}/blobs/uploads/`, { method: "POST" }),
    202,
  );
  const place = new URL(begun.headers.get("location") ?? "", url);
  const sent = await expectStatus(await fetch(place, { method: "PATCH", body: bytes }), 202);
  const location = new URL(sent.headers.get("location") ?? place, url);
  location.searchParams.set("digest", digest);
  await expectStatus(await fetch(location, { method: "PUT" }), 201);
  return digest;
}

/** Pushes an image of one layer. @returns Digest of its manifest, which was acknowledged. */
export async function pushImage(
  url: string,
  image: { readonly repository: string; readonly tag: string; readonly layer: Uint8Array },
): Promise<string> {
  const { repository, tag, layer } = image;
  const config = new TextEncoder().encode(JSON.stringify({ repository, tag }));
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: MANIFEST_TYPE,
    config: {
      mediaType: "application/vnd.oci.image.config.v1+json",
      digest: await pushBlob(url, repository, config),
      size: config.byteLength,
    },
    layers: [
      {
        mediaType: "application/vnd.oci.image.layer.v1.tar",
        digest: await pushBlob(url, repository, layer),
        size: layer.byteLength,
      },
    ],
  });
  const answer = await fetch(`${url}/v2/${repository}/manifests/${tag}`, {
    method: "PUT",
    body: manifest,
    headers: { "Content-Type": MANIFEST_TYPE },
  });
  await expectStatus(answer, 201);
  return sha256(manifest);
}

/** Pulls an image and checks every digest. @returns Digest of its manifest. */
export async function pullImage(url: string, repository: string, tag: string): Promise<string> {
  const found = await expectStatus(await fetch(`${url}/v2/${repository}/manifests/${tag}`), 200);
  const text = await found.text();
  const manifest = JSON.parse(text) as {
    readonly config: { readonly digest: string };
    readonly layers: readonly { readonly digest: string }[];
  };
  for (const { digest } of [manifest.config, ...manifest.layers]) {
    const blob = await expectStatus(await fetch(`${url}/v2/${repository}/blobs/${digest}`), 200);
    const actual = sha256(await blob.bytes());
    if (actual !== digest) throw new Error(`blob ${digest} came as ${actual}`);
  }
  return sha256(text);
}

/** Whether nobody answered, or the answer broke off. */
export function isUnreachable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = "code" in error ? String(error.code) : "";
  return /^(ConnectionRefused|ConnectionClosed|ECONNRESET|ECONNREFUSED|EPIPE|FailedToOpenSocket)$/.test(
    code,
  );
}
