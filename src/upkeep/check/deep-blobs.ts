import { rm } from "node:fs/promises";
import type { Fault } from "#base/fault.ts";
import { NotFoundError } from "#base/errors.ts";
import type { ContentStore } from "#content/content.ts";
import { type Digest, Digester, digestAlgorithm } from "#spec/digest.ts";

/** @returns Undefined when it is gone meanwhile. */
async function digestOfBlob(
  content: Pick<ContentStore, "read">,
  digest: Digest,
  signal: AbortSignal,
): Promise<Digest | undefined> {
  const digester = new Digester(digestAlgorithm(digest));
  try {
    for await (const chunk of content.read(digest)) {
      signal.throwIfAborted();
      digester.update(chunk);
    }
  } catch (error) {
    if (error instanceof NotFoundError) return undefined;
    throw error;
  }
  return digester.finish();
}

/** Reads every blob: a damaged one is not what its name says. */
export async function auditBlobContents(
  content: Pick<ContentStore, "list" | "read" | "pathOf">,
  signal: AbortSignal,
): Promise<readonly Fault[]> {
  const faults: Fault[] = [];
  for (const { digest } of content.list()) {
    const found = await digestOfBlob(content, digest, signal);
    if (found === undefined || found === digest) continue;
    faults.push({
      kind: "blob",
      subject: digest,
      explanation: `The blob is damaged: its contents have the digest ${found}`,
      mend: {
        words: "remove it, so that the next load or pull of its image brings it again",
        apply: () => rm(content.pathOf(digest), { force: true }),
      },
    });
  }
  return faults;
}
