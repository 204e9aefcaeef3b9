import { namespaceOf } from "#registry-server/access/roles.ts";
import { RegistryError } from "#registry-server/errors.ts";
import { lockOrganisation } from "#registry-server/metadata/organisations.ts";
import { findRepository } from "#registry-server/metadata/repositories.ts";
import { findTag } from "#registry-server/metadata/tags.ts";
import { namespaceHasBlob, usedBytes } from "#registry-server/metadata/usage.ts";
import { matchesTagPattern } from "#registry-server/upkeep/tag-pattern.ts";
import type { Digest } from "#spec/digest.ts";
import type { RepositoryName } from "#spec/distribution/names.ts";
import type { SqlSession } from "#store/sql/database.ts";

/**
 * Refuses a blob that would bring an organisation over its quota. In the transaction that links the blob, which others
 * of the organisation wait for.
 *
 * @throws {RegistryError} `DENIED`
 */
export async function checkQuota(
  session: SqlSession,
  repository: RepositoryName,
  blob: { readonly digest: Digest; readonly sizeBytes: number },
): Promise<void> {
  const namespace = namespaceOf(repository);
  const organisation = namespace === "" ? undefined : await lockOrganisation(session, namespace);
  const quotaBytes = organisation?.quotaBytes;
  if (quotaBytes === undefined) return;
  if (await namespaceHasBlob(session, namespace, blob.digest)) return;
  const used = await usedBytes(session, namespace);
  if (used + blob.sizeBytes <= quotaBytes) return;
  throw new RegistryError(
    "DENIED",
    `quota of ${namespace} is used up: ${used} of ${quotaBytes} bytes are taken, ${blob.sizeBytes} more do not fit`,
  );
}

/**
 * Refuses to move or remove a tag that is set once for all.
 *
 * @param after Undefined when the tag goes.
 * @throws {RegistryError} `DENIED`
 */
export async function checkImmutable(
  session: SqlSession,
  repository: RepositoryName,
  tag: string,
  after: Digest | undefined,
): Promise<void> {
  const settings = await findRepository(session, repository);
  const pattern = settings?.immutableTags.find((one) => matchesTagPattern(one, tag));
  if (pattern === undefined) return;
  const before = await findTag(session, repository, tag);
  if (!before || before.digest === after) return;
  throw new RegistryError("DENIED", `tag ${tag} is immutable, by pattern ${pattern}`, {
    status: 409,
    detail: { tag, digest: before.digest },
  });
}
