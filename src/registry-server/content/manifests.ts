import { messageOf } from "#base/errors.ts";
import { RegistryError } from "#registry-server/errors.ts";
import { touchLink } from "#registry-server/metadata/blobs.ts";
import {
  findManifest,
  findManifestHead,
  findTaggedHead,
  listReferrers,
  type ManifestHead,
  putManifest,
  readManifestBytes,
  type ReferrersPage,
  removeManifest,
  type StoredManifest,
} from "#registry-server/metadata/manifests.ts";
import {
  findTag,
  listTags,
  listTagsOf,
  putTag,
  removeTag,
  type Tag,
} from "#registry-server/metadata/tags.ts";
import { type Digest, digestAlgorithm, digestOf } from "#spec/digest.ts";
import { type ManifestFacts, parseManifestFacts } from "#spec/distribution/manifest-facts.ts";
import type { ManifestReference, RepositoryName } from "#spec/distribution/names.ts";
import type { SqlSession } from "#store/sql/database.ts";
import { ByteCache } from "./byte-cache.ts";
import type { ContentDependencies } from "./dependencies.ts";
import { checkImmutable } from "./limits.ts";

/** Memory for the bytes of manifests that are asked for often. */
const CACHE_BYTES = 16 * 1024 * 1024;

/** A manifest that a client sends. */
export interface PushedManifest {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Empty when it was not told. */
  readonly contentType: string;
  readonly reference: ManifestReference;
  /** More tags for a push by digest. */
  readonly tags: readonly string[];
  /** What it names may not be here yet: it is kept for another registry's sake. */
  readonly isIncomplete?: boolean;
}

export interface PutResult {
  readonly manifest: StoredManifest;
  readonly tags: readonly string[];
}

export interface ManifestsOptions {
  /** Whether an index may name manifests that the repository does not have. */
  readonly allowSparseIndexes: boolean;
}

/** Manifests, tags and referrers of repositories. */
export class Manifests {
  readonly #parts: ContentDependencies;
  readonly #options: ManifestsOptions;
  readonly #cache = new ByteCache<Digest>(CACHE_BYTES);

  constructor(parts: ContentDependencies, options: ManifestsOptions) {
    this.#parts = parts;
    this.#options = options;
  }

  /** @throws {RegistryError} `MANIFEST_UNKNOWN` */
  async head(repository: RepositoryName, reference: ManifestReference): Promise<ManifestHead> {
    const { database } = this.#parts;
    const head =
      reference.kind === "tag"
        ? await findTaggedHead(database, repository, reference.tag)
        : await findManifestHead(database, repository, reference.digest);
    if (head) return head;
    const name = reference.kind === "tag" ? reference.tag : reference.digest;
    throw new RegistryError("MANIFEST_UNKNOWN", "", {
      detail: { name: repository, reference: name },
    });
  }

  /** @throws {RegistryError} `MANIFEST_UNKNOWN` when it has gone since. */
  async bytes(digest: Digest): Promise<Uint8Array<ArrayBuffer>> {
    const cached = this.#cache.get(digest);
    if (cached) return cached;
    const bytes = await readManifestBytes(this.#parts.database, digest);
    if (!bytes) throw new RegistryError("MANIFEST_UNKNOWN", "", { detail: { digest } });
    this.#cache.set(digest, bytes);
    return bytes;
  }

  /** @throws {RegistryError} `MANIFEST_INVALID`, `DIGEST_INVALID`, `MANIFEST_BLOB_UNKNOWN` */
  async put(repository: RepositoryName, pushed: PushedManifest): Promise<PutResult> {
    const { bytes, reference } = pushed;
    const wanted = reference.kind === "digest" ? reference.digest : undefined;
    const digest = digestOf(bytes, wanted && digestAlgorithm(wanted));
    if (wanted !== undefined && wanted !== digest) {
      throw new RegistryError("DIGEST_INVALID", "", {
        detail: { expected: wanted, actual: digest },
      });
    }
    const facts = readFacts(pushed);
    const { nowMs } = this.#parts;
    const manifest: StoredManifest = {
      digest,
      mediaType: facts.mediaType,
      artifactType: facts.artifactType,
      ...(facts.subject === undefined ? {} : { subject: facts.subject }),
      annotations: facts.annotations,
      sizeBytes: bytes.byteLength,
      pushedMs: nowMs(),
      pulledMs: nowMs(),
    };
    const tags = reference.kind === "tag" ? [reference.tag] : [...new Set(pushed.tags)];
    await this.#parts.database.transaction(async (session) => {
      if (!pushed.isIncomplete) await this.#checkReferences(session, repository, facts);
      await putManifest(session, repository, {
        manifest,
        bytes,
        blobs: facts.blobs.map((blob) => blob.digest),
        manifests: facts.manifests.map((child) => child.digest),
      });
      for (const tag of tags) {
        await checkImmutable(session, repository, tag, digest);
        await putTag(session, repository, tag, digest, nowMs());
      }
    });
    return { manifest, tags };
  }

  /** @throws {RegistryError} `MANIFEST_UNKNOWN` */
  async removeTag(repository: RepositoryName, name: string): Promise<Tag> {
    return await this.#parts.database.transaction(async (session) => {
      const tag = await findTag(session, repository, name);
      if (!tag) throw new RegistryError("MANIFEST_UNKNOWN", "", { detail: { tag: name } });
      await checkImmutable(session, repository, name, undefined);
      await removeTag(session, repository, name);
      return tag;
    });
  }

  /**
   * Removes a manifest and its tags.
   *
   * @returns The tags that went with it.
   * @throws {RegistryError} `MANIFEST_UNKNOWN`
   */
  async remove(repository: RepositoryName, digest: Digest): Promise<readonly Tag[]> {
    return await this.#parts.database.transaction(async (session) => {
      const tags = await listTagsOf(session, repository, digest);
      for (const tag of tags) {
        await checkImmutable(session, repository, tag.name, undefined);
      }
      if (!(await removeManifest(session, repository, digest))) {
        throw new RegistryError("MANIFEST_UNKNOWN", "", { detail: { digest } });
      }
      return tags;
    });
  }

  async find(repository: RepositoryName, digest: Digest): Promise<StoredManifest | undefined> {
    return await findManifest(this.#parts.database, repository, digest);
  }

  async tags(repository: RepositoryName, after: string, count: number): Promise<readonly Tag[]> {
    return await listTags(this.#parts.database, repository, after, count);
  }

  async referrers(
    repository: RepositoryName,
    page: ReferrersPage,
  ): Promise<readonly StoredManifest[]> {
    return await listReferrers(this.#parts.database, repository, page);
  }

  /** Keeps what the manifest needs from being collected, or refuses a manifest that lacks something. */
  async #checkReferences(
    session: SqlSession,
    repository: RepositoryName,
    facts: ManifestFacts,
  ): Promise<void> {
    const missing: Digest[] = [];
    for (const blob of facts.blobs) {
      const isThere = await touchLink(session, repository, blob.digest, this.#parts.nowMs());
      if (!isThere && !blob.isForeign) missing.push(blob.digest);
    }
    if (!this.#options.allowSparseIndexes) {
      for (const { digest } of facts.manifests) {
        if (!(await findManifestHead(session, repository, digest))) missing.push(digest);
      }
    }
    if (missing.length === 0) return;
    throw new RegistryError("MANIFEST_BLOB_UNKNOWN", "", {
      detail: missing.slice(0, 100).map((digest) => ({ digest })),
    });
  }
}

function readFacts({ bytes, contentType }: PushedManifest): ManifestFacts {
  try {
    return parseManifestFacts(bytes, contentType);
  } catch (cause) {
    throw new RegistryError("MANIFEST_INVALID", messageOf(cause), { cause });
  }
}
