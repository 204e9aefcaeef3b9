import { readFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { UnsupportedError } from "#base/errors.ts";
import type { ContentStore } from "#content/content.ts";
import { openFileContentStore } from "#content/file-content-store.ts";
import type { Images } from "#images/images.ts";
import { openImages } from "#images/open-images.ts";
import type { LayerUnpacker, UnpackRequest } from "#images/unpack/process-unpacker.ts";
import type { UnpackResult } from "#images/unpack/protocol.ts";
import type { RegistryClient } from "#registry-client/registry-client.ts";
import { offlineRegistries } from "#registry-client/testing/offline.ts";
import type { Snapshotter } from "#snapshots/snapshotter.ts";
import { MemorySnapshotter } from "#snapshots/testing/memory-snapshotter.ts";
import { digestOf, parseDiffId } from "#spec/digest.ts";
import { MemoryStore } from "#store/memory/store.ts";

/** Images with real blobs below a folder of their own; layers are read and hashed, but not unpacked. */
export interface MemoryImageEngine extends AsyncDisposable {
  readonly images: Images;
  readonly content: ContentStore;
  readonly snapshots: Snapshotter;
}

/** @param pause Awaited between the steps of an unpacking. */
export async function openMemoryEngine(
  pause: () => Promise<void> = () => Promise.resolve(),
): Promise<MemoryImageEngine> {
  const root = mkdtempSync(join(tmpdir(), "wharf-images-"));
  const content = openFileContentStore({ directory: join(root, "content") });
  const snapshots = new MemorySnapshotter();
  const registries: RegistryClient = offlineRegistries();
  let nowMs = 1_700_000_000_000;
  const images = await openImages({
    store: new MemoryStore(),
    content,
    snapshots,
    unpacker: new HashingUnpacker(pause),
    processes: { spawn: noProgram, identify: noProgram, kill: noProgram },
    events: { publish: () => undefined },
    clock: { nowMs: () => nowMs++, nowNanos: () => BigInt(nowMs++) * 1_000_000n },
    platform: { os: "linux", architecture: "amd64" },
    registries,
    transfers: { maxDownloads: 3, maxUploads: 5 },
  });
  return {
    images,
    content,
    snapshots,
    [Symbol.asyncDispose]: async () => {
      registries[Symbol.dispose]();
      await snapshots.settled();
      rmSync(root, { recursive: true, force: true });
    },
  };
}

/** Reads the blob as the unpacking process does, from its file and only when all of it is there. */
class HashingUnpacker implements LayerUnpacker {
  readonly #pause: () => Promise<void>;

  constructor(pause: () => Promise<void>) {
    this.#pause = pause;
  }

  async unpack(request: UnpackRequest, signal: AbortSignal): Promise<UnpackResult> {
    await this.#pause();
    for await (const _bytes of request.growing?.grown ?? []) signal.throwIfAborted();
    await this.#pause();
    signal.throwIfAborted();
    const blob = readBlob(request.blobPath, request.movedPath);
    const isPacked = blob[0] === 0x1f && blob[1] === 0x8b;
    const tar = isPacked ? gunzipSync(blob) : blob;
    await this.#pause();
    return {
      diffId: parseDiffId(digestOf(tar)),
      tarBytes: tar.length,
      packing: isPacked ? "gzip" : "none",
      entries: 1,
      sizeBytes: tar.length,
      impliedDirectories: [],
    };
  }
}

function noProgram(): never {
  throw new UnsupportedError("Cannot start a program: the test has none");
}

function readBlob(path: string, movedPath: string | undefined): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    if (movedPath === undefined) throw error;
    return readFileSync(movedPath);
  }
}
