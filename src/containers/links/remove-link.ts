import { ConflictError, FailedPreconditionError } from "#base/errors.ts";
import type { ContainerParts } from "#containers/parts.ts";
import { dropLinkedHosts } from "./refresh-hosts.ts";

/**
 * `rm --link /web/db`: the link goes, both containers stay.
 *
 * @param reference `[/]parent/alias`.
 * @throws {NotFoundError} It names nothing. {FailedPreconditionError} In Docker's words: a container's own name.
 */
export async function removeLink(
  parts: Pick<ContainerParts, "lives" | "networks" | "registry" | "settings" | "warn">,
  reference: string,
): Promise<void> {
  parts.registry.resolve(reference);
  const name = reference.startsWith("/") ? reference.slice(1) : reference;
  const slash = name.indexOf("/");
  if (slash < 0) {
    throw new FailedPreconditionError(
      "Conflict, cannot remove the default link name of the container",
    );
  }
  const { id } = parts.registry.resolve(name.slice(0, slash));
  const alias = name.slice(slash + 1);
  await parts.lives.of(id).lane.run(async () => {
    const parent = parts.registry.get(id);
    const link = parent.links?.find((one) => one.alias === alias);
    if (!link) throw new ConflictError(`Cannot remove link ${reference}: it is gone already`);
    const after = { ...parent, links: parent.links?.filter((one) => one !== link) ?? [] };
    parts.registry.put(after);
    dropLinkedHosts(parts, after, alias);
  });
}
