import {
  type Access,
  principalName,
  type RepositoryAction,
} from "#registry-server/access/access.ts";
import type { AuditLog } from "#registry-server/access/audit-log.ts";
import type { Blobs } from "#registry-server/content/blobs.ts";
import type { Manifests } from "#registry-server/content/manifests.ts";
import type { Repositories } from "#registry-server/content/repositories.ts";
import type { Uploads } from "#registry-server/content/uploads.ts";
import { RegistryError } from "#registry-server/errors.ts";
import type { EventListener, RegistryEvent } from "#registry-server/events/events.ts";
import type { Bodies } from "#registry-server/http/body/bodies.ts";
import type { Exchange } from "#registry-server/http/exchange.ts";
import type { BlobStorage } from "#registry-server/storage/storage.ts";
import type { Proxy } from "#registry-server/remotes/proxy.ts";
import { type Digest, tryParseDigest } from "#spec/digest.ts";
import type { RepositoryName } from "#spec/distribution/names.ts";

/** What the routes below `/v2/` work on. */
export interface V2Parts {
  readonly access: Access;
  readonly blobs: Blobs;
  readonly uploads: Uploads;
  readonly manifests: Manifests;
  readonly repositories: Repositories;
  readonly storage: BlobStorage;
  readonly manifestMaxBytes: number;
  readonly bodies: Bodies;
  readonly audit: AuditLog;
  readonly onEvent: EventListener;
  /** Absent where no repository is another registry's. */
  readonly proxy?: Proxy;
  readonly nowMs: () => number;
}

/** A request to a repository, which its sender has not been checked for yet. */
export interface V2Call {
  readonly parts: V2Parts;
  readonly exchange: Exchange;
  readonly repository: RepositoryName;
}

/** @throws {RegistryError} The 401 or 403, when the caller may not do all of it. */
export async function requireActions(
  { parts, exchange, repository }: V2Call,
  ...actions: readonly RepositoryAction[]
): Promise<void> {
  for (const action of actions) {
    if (await parts.access.mayDo(exchange.principal, repository, action)) continue;
    throw parts.access.refusal(exchange.caller, exchange.principal, [
      { type: "repository", name: repository, actions },
    ]);
  }
}

/** @throws {RegistryError} `UNSUPPORTED` for what would change something. */
export function requireRead({ method }: Exchange): void {
  if (method === "GET" || method === "HEAD") return;
  throw new RegistryError("UNSUPPORTED", "", { headers: { Allow: "GET, HEAD" } });
}

/** @throws {RegistryError} `DIGEST_INVALID` */
export function readDigest(text: string): Digest {
  const result = tryParseDigest(text);
  if (result.ok) return result.digest;
  throw new RegistryError("DIGEST_INVALID", result.reason, {
    detail: { digest: text.slice(0, 300) },
  });
}

/** Tells of what happened to a manifest. */
export function publishEvent(
  { parts, exchange, repository }: V2Call,
  what: Pick<RegistryEvent, "action" | "digest" | "mediaType" | "sizeBytes" | "tag">,
): void {
  parts.onEvent({
    ...what,
    id: crypto.randomUUID(),
    atMs: parts.nowMs(),
    repository,
    actor: principalName(exchange.principal),
    address: exchange.caller.address,
    origin: exchange.caller.origin,
  });
}

/** Notes in the audit log what the call has changed. */
export async function auditCall(
  { parts, exchange, repository }: V2Call,
  action: string,
  detail: Readonly<Record<string, unknown>>,
): Promise<void> {
  const { caller, principal } = exchange;
  await parts.audit.record(caller, principal, { action, object: repository, detail });
}

/** `n` of a list's request. @throws {RegistryError} `PAGINATION_NUMBER_INVALID` */
export function readCount(
  query: URLSearchParams,
  limits: { default: number; max: number },
): number {
  const text = query.get("n");
  if (text === null || text === "") return limits.default;
  if (!/^\d{1,15}$/.test(text)) {
    throw new RegistryError("PAGINATION_NUMBER_INVALID", "", { detail: { n: text.slice(0, 100) } });
  }
  return Math.min(Number(text), limits.max);
}

/** `Link` to the next page. */
export function nextPage(path: string, query: Readonly<Record<string, string>>): string {
  return `<${path}?${new URLSearchParams(query).toString()}>; rel="next"`;
}
