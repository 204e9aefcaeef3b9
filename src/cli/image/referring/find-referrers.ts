import { FailedPreconditionError } from "#base/errors.ts";
import type { Repository } from "#registry-client/repository.ts";
import type { Digest } from "#spec/digest.ts";
import type { Descriptor } from "#spec/oci-image.ts";

/** A manifest with what refers to it, and to that in its turn. */
export interface ReferrerNode {
  readonly descriptor: Descriptor;
  readonly referrers: readonly ReferrerNode[];
}

export interface ReferrersRequest {
  readonly subject: Digest;
  /** Only those of this kind; of what refers to them all. */
  readonly artifactType?: string;
  /** How far down, 1 for the image's own; 0 for all. */
  readonly depth: number;
}

/** A registry may name one below another without end. */
const NODES_MAX = 10_000;
const DEPTH_MAX = 64;

/**
 * @throws {FailedPreconditionError} There are more than thousands of them. {RegistryAnswerError} Refused.
 */
export async function findReferrers(
  repository: Pick<Repository, "referrers">,
  { subject, artifactType, depth }: ReferrersRequest,
  signal: AbortSignal,
): Promise<readonly ReferrerNode[]> {
  const seen = new Set<Digest>([subject]);
  let found = 0;
  const below = async (
    of: Digest,
    level: number,
    type: string | undefined,
  ): Promise<readonly ReferrerNode[]> => {
    const { referrers } = await repository.referrers(of, type, signal);
    // all of an answer before the first of it is followed down: an endless one would be asked thousands of times
    found += referrers.length;
    const fresh = new Set(referrers.map(({ digest }) => digest).filter((one) => !seen.has(one)));
    for (const digest of fresh) seen.add(digest);
    if (found > NODES_MAX || (fresh.size > 0 && level > DEPTH_MAX)) {
      throw new FailedPreconditionError(
        `Cannot list what refers to ${subject}: the registry names more than ${NODES_MAX}, ` +
          `or more than ${DEPTH_MAX} below one another`,
      );
    }
    const nodes: ReferrerNode[] = [];
    for (const descriptor of referrers) {
      const { digest } = descriptor;
      const isLast = level === depth || !fresh.delete(digest);
      nodes.push({
        descriptor,
        referrers: isLast ? [] : await below(digest, level + 1, undefined),
      });
    }
    return nodes;
  };
  return await below(subject, 1, artifactType);
}
