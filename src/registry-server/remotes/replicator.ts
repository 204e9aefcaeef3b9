import { messageOf } from "#base/errors.ts";
import type { RegistryEvent } from "#registry-server/events/events.ts";
import type { Manifests } from "#registry-server/content/manifests.ts";
import type { Repositories } from "#registry-server/content/repositories.ts";
import type { RegistryLog } from "#registry-server/log.ts";
import {
  beginRun,
  listReplications,
  noteOutcome,
  type Replication,
} from "#registry-server/metadata/replications.ts";
import { listRepositories } from "#registry-server/metadata/repositories.ts";
import { matchesTagPattern } from "#registry-server/upkeep/tag-pattern.ts";
import { matchesRepository } from "#registry-server/webhooks/payload.ts";
import type { Repository } from "#registry-client/repository.ts";
import {
  type ManifestReference,
  parseRepositoryName,
  type RepositoryName,
} from "#spec/distribution/names.ts";
import type { SqlDatabase } from "#store/sql/database.ts";
import type { Copier } from "./copy.ts";
import type { Remotes } from "./remote.ts";

const REPOSITORIES_STEP = 1000;
const TAGS_MAX = 1_000_000;
const OUTCOME_MAX_LENGTH = 500;

export interface ReplicatorParts {
  readonly database: SqlDatabase;
  readonly remotes: Remotes;
  readonly copier: Copier;
  readonly manifests: Manifests;
  readonly repositories: Repositories;
  readonly log: RegistryLog;
  readonly nowMs: () => number;
}

/** Keeps repositories alike: by each push, and every so often by comparing all, which heals what failed before. */
export class Replicator implements AsyncDisposable {
  readonly #parts: ReplicatorParts;
  readonly #ending = new AbortController();
  #pushing: Promise<void> = Promise.resolve();

  constructor(parts: ReplicatorParts) {
    this.#parts = parts;
  }

  /** Sends on what was pushed, behind the answer. */
  note(event: RegistryEvent): void {
    if (event.action !== "push") return;
    this.#pushing = this.#pushing
      .then(() => this.#pushOn(event))
      .catch((error: unknown) => {
        this.#parts.log.error("Replication failed", { error: messageOf(error) });
      });
  }

  /** Runs every rule whose time has come. */
  async runDue(): Promise<void> {
    for (const rule of await listReplications(this.#parts.database)) {
      if (this.#ending.signal.aborted) return;
      if (rule.ranMs + rule.everyMs <= this.#parts.nowMs()) await this.run(rule);
    }
  }

  /** Compares everything that a rule is about. */
  async run(rule: Replication): Promise<void> {
    const { database, nowMs, log } = this.#parts;
    if (!(await beginRun(database, rule, nowMs()))) return;
    let outcome: string;
    try {
      const count =
        rule.direction === "push" ? await this.#pushAll(rule) : await this.#pullAll(rule);
      outcome = `ok: ${count} copied`;
    } catch (error) {
      outcome = `failed: ${messageOf(error)}`.slice(0, OUTCOME_MAX_LENGTH);
      log.warn("Replication failed", { id: rule.id, error: messageOf(error) });
    }
    await noteOutcome(database, rule.id, outcome);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort();
    await this.#pushing;
  }

  async #pushOn({ repository, tag, digest }: RegistryEvent): Promise<void> {
    for (const rule of await listReplications(this.#parts.database)) {
      const isMeant =
        rule.direction === "push" &&
        matchesRepository(rule.repository, repository) &&
        (tag === undefined || matchesTagPattern(rule.tags, tag));
      if (!isMeant) continue;
      const reference: ManifestReference =
        tag === undefined ? { kind: "digest", digest } : { kind: "tag", tag };
      try {
        const remote = await this.#open(rule, repository);
        await this.#parts.copier.copyOut(repository, reference, remote, this.#ending.signal);
        await noteOutcome(this.#parts.database, rule.id, `ok: ${repository}:${tag ?? digest}`);
      } catch (error) {
        const outcome = `failed: ${messageOf(error)}`.slice(0, OUTCOME_MAX_LENGTH);
        await noteOutcome(this.#parts.database, rule.id, outcome);
        this.#parts.log.warn("Replication failed", { id: rule.id, repository, error: outcome });
      }
    }
  }

  async #pushAll(rule: Replication): Promise<number> {
    let copied = 0;
    for (let after = ""; ; ) {
      const filter = { after, count: REPOSITORIES_STEP, text: "" };
      const step = await listRepositories(this.#parts.database, filter);
      for (const { name } of step) {
        if (!matchesRepository(rule.repository, name)) continue;
        const remote = await this.#open(rule, name);
        for (const tag of await this.#parts.manifests.tags(name, "", TAGS_MAX)) {
          if (!matchesTagPattern(rule.tags, tag.name)) continue;
          const reference = { kind: "tag", tag: tag.name } as const;
          const { copier } = this.#parts;
          if (await copier.copyOut(name, reference, remote, this.#ending.signal)) copied++;
        }
      }
      const last = step.at(-1);
      if (!last || step.length < REPOSITORIES_STEP) return copied;
      after = last.name;
    }
  }

  async #pullAll(rule: Replication): Promise<number> {
    const { copier, manifests, repositories } = this.#parts;
    const name = parseRepositoryName(rule.repository);
    const remote = await this.#open(rule, name);
    const { signal } = this.#ending;
    let copied = 0;
    await repositories.ensure(name);
    const have = new Map(
      (await manifests.tags(name, "", TAGS_MAX)).map((tag) => [tag.name, tag.digest]),
    );
    for (const tag of await remote.tags(signal)) {
      if (!matchesTagPattern(rule.tags, tag)) continue;
      const head = await remote.headManifest(tag, signal);
      if (head && have.get(tag) === head.digest) continue;
      await copier.copyIn(remote, name, { kind: "tag", tag }, signal);
      copied++;
    }
    return copied;
  }

  async #open(rule: Replication, repository: RepositoryName): Promise<Repository> {
    const place = { domain: rule.registry, path: remoteName(rule, repository) };
    const { username, password } = rule;
    const credentials = username === "" ? undefined : { username, password };
    return await this.#parts.remotes.open(place, rule.direction, credentials);
  }
}

/** `acme/app` by `acme/*` and `mirror/*` is `mirror/app`. */
export function remoteName(
  { repository: pattern, remoteRepository }: Pick<Replication, "repository" | "remoteRepository">,
  repository: string,
): string {
  if (!pattern.endsWith("*")) return remoteRepository;
  return remoteRepository.replace(/\*$/, "") + repository.slice(pattern.length - 1);
}
