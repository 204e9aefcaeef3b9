import { CancelledError, messageOf } from "#base/errors.ts";
import type { ContentDependencies } from "#registry-server/content/dependencies.ts";
import type { RegistryLog } from "#registry-server/log.ts";
import { removeAuditBefore } from "#registry-server/metadata/audit.ts";
import {
  hasBlobAt,
  hasUpload,
  listUnlinkedBlobs,
  listUntagged,
  removeUnlinkedBlob,
  removeUnusedLinks,
  removeUnusedManifestBytes,
} from "#registry-server/metadata/garbage.ts";
import { removeManifest } from "#registry-server/metadata/manifests.ts";
import { listRepositories, type Repository } from "#registry-server/metadata/repositories.ts";
import { listTags, removeTag } from "#registry-server/metadata/tags.ts";
import { removeExpiredTokens } from "#registry-server/metadata/tokens.ts";
import { listIdleUploads, removeUpload } from "#registry-server/metadata/uploads.ts";
import type { SqlSession } from "#store/sql/database.ts";
import { planRetention } from "./retention.ts";
import { matchesTagPattern } from "./tag-pattern.ts";

export interface CollectorOptions {
  /** How long what nobody refers to is kept: pushes under way count on it. */
  readonly graceMs: number;
  /** How long an upload may rest. */
  readonly uploadExpiryMs: number;
  readonly auditKeptMs: number;
}

export interface CollectRequest {
  /** Nothing is changed; the report says what would be. */
  readonly isDryRun: boolean;
  /** Manifests without tags go in all repositories, not only in those with retention rules. */
  readonly removesUntagged: boolean;
}

/** What went, or would go. */
export interface CollectReport {
  readonly tags: string[];
  readonly manifests: string[];
  uploads: number;
  blobs: number;
  blobBytes: number;
  /** Files or objects that the metadata knows nothing of. */
  strays: number;
}

const TAGS_MAX = 1_000_000;
const REPOSITORIES_STEP = 200;

/** Ends a transaction that was for looking only. */
class Undone extends CancelledError {}

/** Removes what nobody refers to, beside pushes and pulls: see the block atop `metadata/schema.ts`. */
export class Collector {
  readonly #content: ContentDependencies;
  readonly #options: CollectorOptions;
  readonly #log: RegistryLog;
  #running: Promise<unknown> = Promise.resolve();

  constructor(content: ContentDependencies, options: CollectorOptions, log: RegistryLog) {
    this.#content = content;
    this.#options = options;
    this.#log = log;
  }

  /** One at a time; a second waits. */
  async collect(request: CollectRequest): Promise<CollectReport> {
    const result = this.#running.then(() => this.#collect(request));
    this.#running = result.catch(() => undefined); // the caller of `result` hears of it
    return await result;
  }

  async #collect(request: CollectRequest): Promise<CollectReport> {
    const report: CollectReport = {
      tags: [],
      manifests: [],
      uploads: 0,
      blobs: 0,
      blobBytes: 0,
      strays: 0,
    };
    if (request.isDryRun) await this.#lookOnly(request, report);
    else await this.#carryOut(request, report);
    const fields = { dryRun: request.isDryRun, blobs: report.blobs, bytes: report.blobBytes };
    this.#log.info("Garbage collected", {
      ...fields,
      tags: report.tags.length,
      manifests: report.manifests.length,
      uploads: report.uploads,
      strays: report.strays,
    });
    return report;
  }

  /** Does the work on the metadata in one transaction and takes it back. */
  async #lookOnly(request: CollectRequest, report: CollectReport): Promise<void> {
    const { database, nowMs } = this.#content;
    const beforeMs = nowMs() - this.#options.graceMs;
    try {
      await database.transaction(async (session) => {
        for (const repository of await this.#repositories(session)) {
          await this.#thinOut(session, repository, request, report);
        }
        await removeUnusedLinks(session, beforeMs);
        for (const blob of await listUnlinkedBlobs(session, beforeMs)) {
          report.blobs++;
          report.blobBytes += blob.sizeBytes;
        }
        report.uploads = (await listIdleUploads(session, this.#uploadLimitMs())).length;
        throw new Undone("only looked");
      });
    } catch (error) {
      if (!(error instanceof Undone)) throw error;
    }
  }

  async #carryOut(request: CollectRequest, report: CollectReport): Promise<void> {
    const { database, nowMs } = this.#content;
    const beforeMs = nowMs() - this.#options.graceMs;
    for (const repository of await this.#repositories(database)) {
      await database.transaction((session) => this.#thinOut(session, repository, request, report));
    }
    await this.#expireUploads(report);
    await removeUnusedLinks(database, beforeMs);
    await this.#removeBlobs(beforeMs, report);
    await removeUnusedManifestBytes(database, beforeMs);
    await this.#removeStrays(report);
    await removeExpiredTokens(database, nowMs());
    await removeAuditBefore(database, nowMs() - this.#options.auditKeptMs);
  }

  async #repositories(session: SqlSession): Promise<readonly Repository[]> {
    const all: Repository[] = [];
    for (;;) {
      const after = all.at(-1)?.name ?? "";
      const step = await listRepositories(session, { after, count: REPOSITORIES_STEP, text: "" });
      all.push(...step);
      if (step.length < REPOSITORIES_STEP) return all;
    }
  }

  /** Removes tags by the repository's rules, and what has lost its tags by that. */
  async #thinOut(
    session: SqlSession,
    repository: Repository,
    request: CollectRequest,
    report: CollectReport,
  ): Promise<void> {
    const { name, retention, immutableTags } = repository;
    if (retention.length === 0 && !request.removesUntagged) return;
    const { nowMs } = this.#content;
    const tags = await listTags(session, name, "", TAGS_MAX);
    for (const tag of planRetention(retention, tags, nowMs())) {
      if (immutableTags.some((pattern) => matchesTagPattern(pattern, tag))) continue;
      await removeTag(session, name, tag);
      report.tags.push(`${name}:${tag}`);
    }
    // an index that goes leaves manifests without a name, and they their referrers
    for (;;) {
      const untagged = await listUntagged(session, name, nowMs() - this.#options.graceMs);
      for (const digest of untagged) {
        await removeManifest(session, name, digest);
        report.manifests.push(`${name}@${digest}`);
      }
      if (untagged.length === 0) return;
    }
  }

  async #expireUploads(report: CollectReport): Promise<void> {
    const { database, storage } = this.#content;
    for (;;) {
      const idle = await listIdleUploads(database, this.#uploadLimitMs());
      for (const upload of idle) {
        if (!(await removeUpload(database, upload.id))) continue;
        await storage.discardUpload(upload.id, upload.state);
        report.uploads++;
      }
      if (idle.length === 0) return;
    }
  }

  async #removeBlobs(beforeMs: number, report: CollectReport): Promise<void> {
    const { database, storage, lanes } = this.#content;
    for (;;) {
      const blobs = await listUnlinkedBlobs(database, beforeMs);
      let removed = 0;
      for (const { digest, place, sizeBytes } of blobs) {
        await lanes.run(digest, async () => {
          if (!(await removeUnlinkedBlob(database, digest, beforeMs))) return;
          await storage.remove(place);
          report.blobs++;
          report.blobBytes += sizeBytes;
          removed++;
        });
      }
      if (removed === 0) return;
    }
  }

  /** What a crash left between storage and metadata. */
  async #removeStrays(report: CollectReport): Promise<void> {
    const { database, storage, nowMs } = this.#content;
    const beforeMs = nowMs() - this.#options.graceMs;
    for await (const thing of storage.list()) {
      if (thing.modifiedMs > beforeMs) continue;
      const { uploadId, placePrefix } = thing;
      const isKnown =
        (uploadId !== undefined && (await hasUpload(database, uploadId))) ||
        (placePrefix !== undefined && (await hasBlobAt(database, placePrefix)));
      if (isKnown) continue;
      try {
        await storage.remove(thing.place);
        report.strays++;
      } catch (error) {
        this.#log.warn("Cannot remove what nobody knows", {
          place: thing.place,
          error: messageOf(error),
        });
      }
    }
  }

  #uploadLimitMs(): number {
    return this.#content.nowMs() - this.#options.uploadExpiryMs;
  }
}
