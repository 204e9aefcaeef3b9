import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ContentStore } from "#content/content.ts";
import { openFileContentStore } from "#content/file-content-store.ts";
import type { EngineEvent } from "#events/events.ts";
import { openLibc } from "#host/linux/ffi/libc.ts";
import { LinuxFiles } from "#host/linux/files.ts";
import { LinuxMounts } from "#host/linux/mounts/mounts.ts";
import { LinuxProcesses } from "#host/linux/processes/processes.ts";
import { JsThread } from "#host/linux/thread.ts";
import { type ImagesOptions, openImages } from "#images/open-images.ts";
import { offlineRegistries } from "#registry-client/testing/offline.ts";
import type { Images } from "#images/images.ts";
import { boundedUnpacker } from "#images/unpack/bounded-unpacker.ts";
import { ProcessUnpacker } from "#images/unpack/process-unpacker.ts";
import { DEFAULT_UNPACK_LIMITS, type UnpackLimits } from "#images/unpack/protocol.ts";
import { openOverlaySnapshotter } from "#snapshots/overlay/overlay-snapshotter.ts";
import type { Snapshotter } from "#snapshots/snapshotter.ts";
import { MemoryStore } from "#store/memory/store.ts";
import type { Store } from "#store/store.ts";

/** All that images need, on real files below a folder of its own. */
export interface ImageEngine extends AsyncDisposable {
  readonly root: string;
  readonly images: Images;
  readonly store: Store;
  readonly content: ContentStore;
  readonly snapshots: Snapshotter;
  readonly events: readonly Pick<EngineEvent, "action" | "actorId" | "attributes">[];
  /** The same folder and records, opened as the next daemon would. */
  reopen(): Promise<Images>;
  /** What is on disk beside records: blobs, ingests and snapshots, by name. */
  leftovers(): readonly string[];
}

export interface EngineOptions {
  readonly limits?: Partial<UnpackLimits>;
  readonly unpacker?: ImagesOptions["unpacker"];
  /** Layers that are unpacked at once; all that come when absent. */
  readonly unpacksAtOnce?: number;
  /** On a tmpfs: making many files on a disk whose inodes were just freed takes ext4 minutes. */
  readonly isInMemory?: boolean;
}

export async function openEngine(options: EngineOptions = {}): Promise<ImageEngine> {
  const root = mkdtempSync(join(tmpdir(), "wharf-images-"));
  const libc = openLibc();
  const thread = new JsThread({ libc });
  const mounts = new LinuxMounts({ libc, thread });
  if (options.isInMemory) mounts.tmpfs({ target: root });
  const store = new MemoryStore();
  const content = openFileContentStore({ directory: join(root, "content") });
  const clock = { nowMs: () => Date.now(), nowNanos: () => BigInt(Date.now()) * 1_000_000n };
  const processes = new LinuxProcesses({ libc, thread, launcherPath: undefined });
  const snapshots = openOverlaySnapshotter({
    root,
    store,
    mounts,
    files: new LinuxFiles({ libc, mounts }),
    processes,
    clock,
    randomBytes: (count) => randomBytes(count),
    onTrashFailure: (path, error) => {
      throw new Error(`${path}: ${String(error)}`);
    },
  });
  const processUnpacker = new ProcessUnpacker({
    processes,
    selfCommand: [process.execPath, join(import.meta.dir, "../../daemon/workers/testing/self.ts")],
    limits: { ...DEFAULT_UNPACK_LIMITS, ...options.limits },
  });
  const unpacker = boundedUnpacker(processUnpacker, options.unpacksAtOnce ?? Infinity);
  const events: Pick<EngineEvent, "action" | "actorId" | "attributes">[] = [];
  const imagesOptions: ImagesOptions = {
    store,
    content,
    snapshots,
    processes,
    unpacker: options.unpacker ?? unpacker,
    events: { publish: (event) => void events.push(event) },
    clock,
    platform: { os: "linux", architecture: "amd64" },
    registries: offlineRegistries(),
    transfers: { maxDownloads: 3, maxUploads: 5 },
  };
  const list = (path: string): readonly string[] =>
    readdirSync(join(root, path)).filter((name) => !name.startsWith("."));
  return {
    root,
    images: await openImages(imagesOptions),
    store,
    content,
    snapshots,
    events,
    reopen: () => openImages(imagesOptions),
    leftovers: () =>
      ["content/blobs/sha256", "content/ingest", "content/partial", "overlay2"].flatMap((path) =>
        list(path),
      ),
    [Symbol.asyncDispose]: async () => {
      for (const info of snapshots.list()) snapshots.unmount(info.name);
      await snapshots.settled();
      if (options.isInMemory) mounts.unmount(root);
      rmSync(root, { recursive: true, force: true });
    },
  };
}
