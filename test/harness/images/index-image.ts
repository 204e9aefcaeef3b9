import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { CACHE } from "../engine.ts";

const OCI = "application/vnd.oci.image";

interface Entry {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly platform?: object;
  readonly annotations?: object;
}

/** What was put under a name in a registry. */
export interface PushedIndex {
  /** The index byte for byte. */
  readonly text: string;
  readonly digest: string;
  /** Of the images' manifests, by architecture. */
  readonly manifests: Readonly<Record<string, string>>;
}

function digestOf(bytes: Uint8Array | string): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

async function must(answer: Response): Promise<Response> {
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
  return answer;
}

/**
 * Puts an image for each architecture into a registry, with an in-toto statement about each, as BuildKit does: busybox for
 * `amd64`, a layer of one file for others. The documents are written with blanks that nobody would write again.
 *
 * @param url `http://127.0.0.1:5000`
 */
export async function pushIndex(
  url: string,
  repository: string,
  tag: string,
  architectures: readonly string[],
): Promise<PushedIndex> {
  const putBlob = async (bytes: Uint8Array): Promise<string> => {
    const begun = await must(
      await fetch(`${url}/v2/${repository}/blobs/uploads/`, { method: "POST" }),
    );
    const place = new URL(begun.headers.get("location") ?? "", url);
    place.searchParams.set("digest", digestOf(bytes));
    await must(await fetch(place, { method: "PUT", body: bytes }));
    return digestOf(bytes);
  };
  const putManifest = async (reference: string, type: string, text: string): Promise<void> => {
    const headers = { "Content-Type": type };
    const place = `${url}/v2/${repository}/manifests/${reference}`;
    await must(await fetch(place, { method: "PUT", headers, body: text }));
  };
  const put = async (
    config: object,
    layer: {
      readonly mediaType: string;
      readonly bytes: Uint8Array;
      readonly annotations?: object;
    },
  ): Promise<Entry> => {
    const configBytes = Buffer.from(JSON.stringify(config));
    const manifest = {
      schemaVersion: 2,
      mediaType: `${OCI}.manifest.v1+json`,
      config: {
        mediaType: `${OCI}.config.v1+json`,
        digest: await putBlob(configBytes),
        size: configBytes.length,
      },
      layers: [
        {
          mediaType: layer.mediaType,
          digest: await putBlob(layer.bytes),
          size: layer.bytes.length,
          ...(layer.annotations ? { annotations: layer.annotations } : {}),
        },
      ],
      annotations: { "org.example.kept": "yes <&>" },
    };
    const text = JSON.stringify(manifest, undefined, 5);
    await putManifest(digestOf(text), manifest.mediaType, text);
    return { mediaType: manifest.mediaType, digest: digestOf(text), size: Buffer.byteLength(text) };
  };
  const images: Entry[] = [];
  const statements: Entry[] = [];
  const manifests: Record<string, string> = {};
  for (const architecture of architectures) {
    const tar = readFileSync(join(CACHE, "busybox.tar"));
    const bytes = gzipSync(architecture === "amd64" ? tar : emptyTar(architecture));
    const diff = digestOf(gunzipSync(bytes));
    const rootfs = { type: "layers", diff_ids: [diff] };
    const history = [{ created_by: `made for ${architecture}` }];
    const config = { architecture, os: "linux", config: { Cmd: ["sh"] }, rootfs, history };
    const image = await put(config, { mediaType: `${OCI}.layer.v1.tar+gzip`, bytes });
    manifests[architecture] = image.digest;
    images.push({ ...image, platform: { architecture, os: "linux" } });
    const statement = { _type: "https://in-toto.io/Statement/v0.1", subject: [], predicate: {} };
    const attestation = await put(
      { architecture: "unknown", os: "unknown", rootfs: { type: "layers", diff_ids: [diff] } },
      {
        mediaType: "application/vnd.in-toto+json",
        bytes: Buffer.from(JSON.stringify({ ...statement, about: architecture })),
        annotations: { "in-toto.io/predicate-type": "https://slsa.dev/provenance/v0.2" },
      },
    );
    statements.push({
      ...attestation,
      platform: { architecture: "unknown", os: "unknown" },
      annotations: {
        "vnd.docker.reference.digest": image.digest,
        "vnd.docker.reference.type": "attestation-manifest",
      },
    });
  }
  const mediaType = `${OCI}.index.v1+json`;
  const index = { schemaVersion: 2, mediaType, manifests: [...images, ...statements] };
  const text = JSON.stringify(index, undefined, 5);
  await putManifest(tag, mediaType, text);
  return { text, digest: digestOf(text), manifests };
}

/** A tar of one empty file. */
function emptyTar(name: string): Uint8Array {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write("0000644\0", 100);
  header.write("0000000\0", 108);
  header.write("0000000\0", 116);
  header.write("00000000000\0", 124);
  header.write("00000000000\0", 136);
  header.write("        ", 148);
  header.write("0", 156);
  header.write("ustar\u000000", 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return Buffer.concat([header, Buffer.alloc(1024)]);
}
