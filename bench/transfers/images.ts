import { createHash } from "node:crypto";
import { lstatSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";

const BLOCK_BYTES = 512;
const FILE_MAX_BYTES = 32 * 1024 * 1024;
const OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";

export type Packing = "gzip" | "zstd";

interface Blob {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** Tars of this machine's own files, some `bytes` each: sizes and compressibility are those of real images. */
export function* layersOfHost(count: number, bytes: number): Iterable<Uint8Array> {
  const files = filesBelow("/usr");
  for (let index = 0; index < count; index++) yield layerTar(files, bytes);
}

function* filesBelow(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true }).toSorted((a, b) =>
    a.name < b.name ? -1 : 1,
  )) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* filesBelow(path);
    else if (entry.isFile() && lstatSync(path).size <= FILE_MAX_BYTES) yield path;
  }
}

function layerTar(files: Iterator<string>, bytes: number): Uint8Array {
  const parts: Uint8Array[] = [];
  const folders = new Set<string>();
  for (let total = 0; total < bytes; ) {
    const next = files.next();
    if (next.done === true) throw new Error("This machine has too few files for the image");
    const path = next.value.slice(1);
    if (Buffer.byteLength(path) >= 100) continue;
    for (const folder of parentsOf(path).filter((one) => !folders.has(one))) {
      folders.add(folder);
      parts.push(header(`${folder}/`, "5", 0));
    }
    const content = readFileSync(next.value);
    const padding = (BLOCK_BYTES - (content.length % BLOCK_BYTES)) % BLOCK_BYTES;
    parts.push(header(path, "0", content.length), content, new Uint8Array(padding));
    total += content.length;
  }
  return Buffer.concat([...parts, new Uint8Array(2 * BLOCK_BYTES)]);
}

function parentsOf(path: string): readonly string[] {
  const names = path.split("/").slice(0, -1);
  return names.map((_, index) => names.slice(0, index + 1).join("/"));
}

function header(name: string, type: "0" | "5", size: number): Uint8Array {
  const block = Buffer.alloc(BLOCK_BYTES);
  block.write(name, 0);
  block.write(type === "5" ? "0000755" : "0000644", 100);
  block.write("0000000", 108);
  block.write("0000000", 116);
  block.write(size.toString(8).padStart(11, "0"), 124);
  block.write("14000000000", 136);
  block.fill(" ", 148, 156);
  block.write(type, 156);
  block.write("ustar\x0000", 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}

/** Packs the layers and puts the image into a registry: POST, PUT, as any client may. */
export async function putImage(
  registry: string,
  name: string,
  layers: Iterable<Uint8Array>,
  packing: Packing,
): Promise<void> {
  const diffIds: string[] = [];
  const descriptors: Blob[] = [];
  for (const tar of layers) {
    diffIds.push(digestOf(tar));
    const packed = packing === "gzip" ? gzipSync(tar, { level: 6 }) : zstdCompressSync(tar);
    const digest = await putBlob(registry, name, packed);
    const mediaType = `application/vnd.oci.image.layer.v1.tar+${packing}`;
    descriptors.push({ mediaType, digest, size: packed.length });
  }
  const config = Buffer.from(
    JSON.stringify({
      architecture: process.arch === "arm64" ? "arm64" : "amd64",
      os: "linux",
      config: {},
      rootfs: { type: "layers", diff_ids: diffIds },
    }),
  );
  const digest = await putBlob(registry, name, config);
  const manifest = {
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: {
      mediaType: "application/vnd.oci.image.config.v1+json",
      digest,
      size: config.length,
    },
    layers: descriptors,
  };
  const answer = await fetch(`http://${registry}/v2/${name}/manifests/latest`, {
    method: "PUT",
    body: JSON.stringify(manifest),
    headers: { "Content-Type": OCI_MANIFEST },
  });
  if (answer.status !== 201) throw new Error(`manifest: ${answer.status} ${await answer.text()}`);
}

function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

async function putBlob(registry: string, name: string, bytes: Uint8Array): Promise<string> {
  const base = `http://${registry}`;
  const begun = await fetch(`${base}/v2/${name}/blobs/uploads/`, { method: "POST" });
  const url = new URL(begun.headers.get("location") ?? "", base);
  const digest = digestOf(bytes);
  url.searchParams.set("digest", digest);
  const headers = { "Content-Type": "application/octet-stream" };
  const done = await fetch(url, { method: "PUT", body: new Uint8Array(bytes), headers });
  if (done.status !== 201) throw new Error(`blob: ${done.status} ${await done.text()}`);
  return digest;
}
