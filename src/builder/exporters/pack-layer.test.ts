import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openFileContentStore } from "#content/file-content-store.ts";
import { OCI_LAYER } from "#spec/media-types.ts";
import { LayerPacker } from "./pack-layer.ts";

const never = new AbortController().signal;
const WISH = { compression: "gzip", isForced: false } as const;

test("LayerPacker packs a layer once for builds at one time, and a build that is given up fails no other", async () => {
  const directory = mkdtempSync(join(tmpdir(), "wharf-pack-"));
  const content = openFileContentStore({ directory });
  using lease = content.lease();
  const source = async function* source(): AsyncGenerator<Uint8Array> {
    yield Buffer.alloc(3_000_000, "layer");
  };
  const plain = await content.ingest(source(), { lease }, never);
  let packings = 0;
  const counted = {
    ...content,
    info: content.info.bind(content),
    read: content.read.bind(content),
    ingest: ((from, expected, signal) => {
      packings++;
      return content.ingest(from, expected, signal);
    }) as typeof content.ingest,
  };
  const packer = new LayerPacker({ content: counted } as never); // a layer without a chain needs no records
  const blob = { mediaType: OCI_LAYER, ...plain };
  const givingUp = new AbortController();
  const first = packer.pack({ blob }, WISH, lease, givingUp.signal);
  const others = [1, 2, 3].map(() => packer.pack({ blob }, WISH, lease, never));
  givingUp.abort(new Error("given up"));
  await expect(first).rejects.toThrow();
  const packed = await Promise.all(others);
  expect(new Set(packed.map(({ digest }) => digest)).size).toBe(1);
  expect(packings).toBe(2);
  rmSync(directory, { recursive: true });
});
