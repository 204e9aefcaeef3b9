import type { ImageProgress } from "#images/images.ts";
import type { LayerProgress } from "#images/layers.ts";
import type { Digest, DiffId } from "#spec/digest.ts";
import { shortId } from "#spec/ids.ts";
import type { DownloadStep } from "./downloads.ts";

/** A bar is not drawn more often. */
const STEP_MS = 100;

interface Layer {
  readonly id: string;
  readonly diffId: DiffId | undefined;
  isDownloaded: boolean;
  isExtracted: boolean;
  /** The blob's length, which the extraction counts in as well. */
  totalBytes: number;
  lastMs: number;
}

/** What becomes of a pull's layers, as the lines of Docker's progress. */
export class LayerReports {
  readonly #onProgress: (progress: ImageProgress) => void;
  readonly #layers: Layer[] = [];

  constructor(onProgress: (progress: ImageProgress) => void) {
    this.#onProgress = onProgress;
  }

  add(digest: Digest, diffId: DiffId | undefined, isThere: boolean): void {
    const id = shortId(digest);
    this.#layers.push({
      id,
      diffId,
      isDownloaded: isThere,
      isExtracted: isThere,
      totalBytes: 0,
      lastMs: 0,
    });
    this.#say(id, isThere ? "Already exists" : "Pulling fs layer");
  }

  downloading(index: number, step: DownloadStep, totalBytes: number): void {
    const layer = this.#layers[index];
    if (!layer || layer.isDownloaded) return;
    layer.totalBytes = totalBytes;
    switch (step.kind) {
      case "waiting":
        return this.#say(layer.id, "Waiting");
      case "downloading":
        return this.#count(layer, "Downloading", step.currentBytes);
      case "retrying": {
        const seconds = Math.max(1, Math.round(step.delayMs / 1000));
        return this.#say(layer.id, `Retrying in ${seconds} second${seconds === 1 ? "" : "s"}`);
      }
      case "verifying":
        return this.#say(layer.id, "Verifying Checksum");
      case "complete":
        layer.isDownloaded = true;
        return this.#say(layer.id, "Download complete");
    }
  }

  /** Unpacking begins before the download ends, and is told of from then on. */
  extracting({ diffId, currentBytes, totalBytes }: LayerProgress): void {
    for (const layer of this.#layers) {
      if (layer.diffId !== diffId || !layer.isDownloaded || layer.isExtracted) continue;
      layer.totalBytes = totalBytes;
      this.#count(layer, "Extracting", currentBytes);
      if (currentBytes < totalBytes) continue;
      layer.isExtracted = true;
      this.#say(layer.id, "Pull complete");
    }
  }

  /** All layers are there, those that another pull has brought among them. */
  pulled(): void {
    for (const layer of this.#layers.filter((one) => !one.isExtracted)) {
      layer.isExtracted = true;
      this.#say(layer.id, "Pull complete");
    }
  }

  #count(layer: Layer, status: string, currentBytes: number): void {
    const nowMs = performance.now();
    if (nowMs - layer.lastMs < STEP_MS && currentBytes < layer.totalBytes) return;
    layer.lastMs = nowMs;
    const progress = { currentBytes, totalBytes: layer.totalBytes };
    this.#onProgress({ id: layer.id, status, progress });
  }

  #say(id: string, status: string): void {
    this.#onProgress({ id, status, progress: {} });
  }
}
