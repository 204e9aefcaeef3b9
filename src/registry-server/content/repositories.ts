import type { Access, Principal } from "#registry-server/access/access.ts";
import { namespaceOf } from "#registry-server/access/roles.ts";
import { RegistryError } from "#registry-server/errors.ts";
import {
  findRepository,
  insertRepository,
  listRepositories,
  notePulls,
  type Repository,
  type RepositoryFilter,
} from "#registry-server/metadata/repositories.ts";
import { findOrganisation } from "#registry-server/metadata/organisations.ts";
import type { Digest } from "#spec/digest.ts";
import type { ManifestReference, RepositoryName } from "#spec/distribution/names.ts";
import type { SqlDatabase } from "#store/sql/database.ts";

/** Pulls are counted together: each alone would cost a write. */
const PULLS_FLUSH_MS = 5000;
const PULLS_MAX = 1000;
const LIST_STEP = 200;

export interface Pull {
  readonly repository: RepositoryName;
  readonly digest: Digest;
  readonly tag: string | undefined;
  count: number;
  atMs: number;
}

/** Repositories come to be by the first push; pulls are counted on them. */
export class Repositories implements AsyncDisposable {
  readonly #database: SqlDatabase;
  readonly #access: Access;
  readonly #nowMs: () => number;
  readonly #isPublicByDefault: boolean;
  readonly #pulls = new Map<string, Pull>();
  #flushTimer: NodeJS.Timeout | undefined;
  #flushing: Promise<void> = Promise.resolve();

  constructor(parts: {
    readonly database: SqlDatabase;
    readonly access: Access;
    readonly nowMs: () => number;
    readonly isPublicByDefault: boolean;
  }) {
    this.#database = parts.database;
    this.#access = parts.access;
    this.#nowMs = parts.nowMs;
    this.#isPublicByDefault = parts.isPublicByDefault;
  }

  async ensure(name: RepositoryName): Promise<void> {
    if (await findRepository(this.#database, name)) return;
    const organisation = await findOrganisation(this.#database, namespaceOf(name));
    await insertRepository(this.#database, {
      name,
      isPublic: organisation?.isPublicByDefault ?? this.#isPublicByDefault,
      description: "",
      createdMs: this.#nowMs(),
      pullCount: 0,
      immutableTags: [],
      retention: [],
    });
  }

  /** @throws {RegistryError} `NAME_UNKNOWN` */
  async require(name: RepositoryName): Promise<Repository> {
    const repository = await findRepository(this.#database, name);
    if (!repository) throw new RegistryError("NAME_UNKNOWN", "", { detail: { name } });
    return repository;
  }

  /** Repositories behind `after` that the principal may pull from. */
  async list(
    principal: Principal,
    after: string,
    { count, text }: Omit<RepositoryFilter, "after">,
  ): Promise<readonly Repository[]> {
    const found: Repository[] = [];
    for (let last = after; found.length < count; ) {
      const filter = { after: last, count: LIST_STEP, text };
      const step = await listRepositories(this.#database, filter);
      for (const repository of step) {
        if (await this.#access.mayList(principal, repository.name)) found.push(repository);
      }
      last = step.at(-1)?.name ?? last;
      if (step.length < LIST_STEP) break;
    }
    return found.slice(0, count);
  }

  /** Counts a pull; written within seconds. */
  notePull(repository: RepositoryName, digest: Digest, reference: ManifestReference): void {
    const tag = reference.kind === "tag" ? reference.tag : undefined;
    const key = `${repository} ${digest} ${tag ?? ""}`;
    const atMs = this.#nowMs();
    const pull = this.#pulls.get(key);
    if (pull) {
      pull.count++;
      pull.atMs = atMs;
      return;
    }
    if (this.#pulls.size >= PULLS_MAX) void this.flush();
    this.#pulls.set(key, { repository, digest, tag, count: 1, atMs });
    this.#flushTimer ??= setTimeout(() => void this.flush(), PULLS_FLUSH_MS);
  }

  /** Writes what pulls were counted. */
  async flush(): Promise<void> {
    clearTimeout(this.#flushTimer);
    this.#flushTimer = undefined;
    const pulls = [...this.#pulls.values()];
    this.#pulls.clear();
    if (pulls.length === 0) return await this.#flushing;
    this.#flushing = this.#flushing
      .then(() => notePulls(this.#database, pulls))
      .catch(() => undefined); // a count may be lost, a pull may not fail for it
    await this.#flushing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.flush();
  }
}
