import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { mustRun } from "../command.ts";
import { sha256 } from "../registry/registry-client.ts";

const TYPES = "application/vnd.oci.image";

/**
 * Writes an OCI layout with one index, tagged `multi`, of an image of one small layer for each architecture.
 *
 * @returns Digest of the index.
 */
export async function writeOciLayout(
  folder: string,
  architectures: readonly string[],
): Promise<string> {
  mkdirSync(join(folder, "blobs/sha256"), { recursive: true });
  const add = (bytes: Uint8Array | string, mediaType: string): object => {
    const digest = sha256(bytes);
    writeFileSync(join(folder, "blobs", digest.replace(":", "/")), bytes);
    return { mediaType, digest, size: Buffer.byteLength(bytes) };
  };
  const addJson = (value: object, mediaType: string): object =>
    add(JSON.stringify(value), mediaType);
  const manifests: object[] = [];
  for (const architecture of architectures) {
    const work = join(folder, `files-${architecture}`);
    mkdirSync(work);
    writeFileSync(join(work, "architecture"), architecture);
    await mustRun(["tar", "-cf", `${work}.tar`, "-C", work, "architecture"]);
    const layer = readFileSync(`${work}.tar`);
    const rootfs = { type: "layers", diff_ids: [sha256(layer)] };
    const config = addJson(
      { architecture, os: "linux", config: {}, rootfs },
      `${TYPES}.config.v1+json`,
    );
    const mediaType = `${TYPES}.manifest.v1+json`;
    // packed already: clients pack what is not on its way to a registry, which makes another image
    const layers = [add(Bun.gzipSync(layer), `${TYPES}.layer.v1.tar+gzip`)];
    const manifest = addJson({ schemaVersion: 2, mediaType, config, layers }, mediaType);
    manifests.push({ ...manifest, platform: { architecture, os: "linux" } });
  }
  const mediaType = `${TYPES}.index.v1+json`;
  const index = JSON.stringify({ schemaVersion: 2, mediaType, manifests });
  const annotations = { "org.opencontainers.image.ref.name": "multi" };
  const top = { schemaVersion: 2, manifests: [{ ...add(index, mediaType), annotations }] };
  writeFileSync(join(folder, "index.json"), JSON.stringify(top));
  writeFileSync(join(folder, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  return sha256(index);
}
