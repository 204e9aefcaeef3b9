import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digestOf } from "#spec/digest.ts";
import { PluginImage } from "./plugin-image.ts";

const CHUNKS = 200;
const CHUNK_BYTES = 1000;

/** As the processes for files give it: each chunk lies where the one before did. */
async function* inOneBuffer(): AsyncGenerator<Uint8Array> {
  const buffer = Buffer.alloc(CHUNK_BYTES);
  for (let at = 0; at < CHUNKS; at++) {
    buffer.fill(at);
    yield buffer;
    await Promise.resolve();
  }
}

test("PluginImage.make() packs chunks that share one buffer as they were when they came", async () => {
  const folder = mkdtempSync(join(tmpdir(), "wharf-plugin-image-"));
  try {
    const image = new PluginImage(join(folder, "image"));
    await image.make(inOneBuffer(), {}, new AbortController().signal);
    const { manifest } = image.manifest();
    const config: unknown = JSON.parse(readFileSync(image.pathOf(manifest.config.digest), "utf8"));
    const [layer] = manifest.layers;
    const packed = layer ? readFileSync(image.pathOf(layer.digest)) : Buffer.alloc(0);
    const plain = Buffer.from(Bun.gunzipSync(packed));
    expect(digestOf(packed)).toBe(layer?.digest ?? digestOf(Buffer.alloc(0)));
    expect(config).toEqual({ rootfs: { type: "layers", diff_ids: [digestOf(plain)] } });
    const wanted = Array.from({ length: CHUNKS }, (_, at) => Buffer.alloc(CHUNK_BYTES, at));
    expect(plain.equals(Buffer.concat(wanted))).toBe(true);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
