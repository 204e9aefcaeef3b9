import { InvalidArgumentError, NotFoundError, UnsupportedError } from "#base/errors.ts";
import type { ContainerLink, ContainerRecord } from "#containers/container.ts";
import type { ContainerRegistry } from "#containers/registry.ts";
import type { Networks } from "#networks/networks.ts";
import { type HostConfig, joinedContainer } from "#spec/engine-api/host-config.ts";

type Registry = Pick<ContainerRegistry, "resolve" | "tryResolve">;

const NO_ICC = { name: "com.docker.network.bridge.enable_icc", value: "false" };

/** The last part of an alias, which is the name that the target gets. */
export function aliasName(alias: string): string {
  return alias.slice(alias.lastIndexOf("/") + 1);
}

/**
 * The containers that `--link` names. Of two links with one alias the first counts, as in Docker.
 *
 * @throws {InvalidArgumentError} In Docker's words: no such container, or one on the host's network.
 *   {UnsupportedError} Containers of the default network are kept apart.
 */
export function resolveLinks(
  parts: { readonly registry: Registry; readonly networks: Pick<Networks, "list"> },
  hostConfig: Pick<HostConfig, "Links">,
): readonly ContainerLink[] {
  const links = new Map<string, ContainerLink>();
  for (const text of hostConfig.Links) {
    const link = resolveLink(parts.registry, text);
    if (!links.has(link.alias)) links.set(link.alias, link);
  }
  if (links.size > 0) refuseWithoutTraffic(parts.networks);
  return [...links.values()];
}

function resolveLink(registry: Registry, text: string): ContainerLink {
  const [reference = "", given] = text.split(":");
  const named = namedContainer(registry, reference);
  const target = networkOwner(registry, named);
  if (target.hostConfig.NetworkMode === "host") {
    throw new InvalidArgumentError(
      "conflicting options: host type networking can't be used with links. This would result in undefined behavior",
    );
  }
  const alias = given ?? reference.replace(/^\//, "");
  if (aliasName(alias) === "") throw new InvalidArgumentError(`bad format for links: ${text}`);
  return { targetId: target.id, targetName: target.name, alias };
}

function namedContainer(registry: Registry, reference: string): ContainerRecord {
  try {
    return registry.resolve(reference);
  } catch (cause) {
    if (!(cause instanceof NotFoundError || cause instanceof InvalidArgumentError)) throw cause;
    throw new InvalidArgumentError(`could not get container for ${reference}: ${cause.message}`, {
      cause,
    });
  }
}

/** A container that shares another's network has that one's address. */
function networkOwner(registry: Registry, named: ContainerRecord): ContainerRecord {
  const seen = new Set([named.id]);
  for (let record = named; ; ) {
    const joined = joinedContainer(record.hostConfig.NetworkMode);
    const next = joined === undefined ? undefined : registry.tryResolve(joined);
    if (!next || seen.has(next.id)) return record;
    seen.add(next.id);
    record = next;
  }
}

function refuseWithoutTraffic(networks: Pick<Networks, "list">): void {
  const bridge = networks.list().find(({ name }) => name === "bridge");
  if (bridge?.options[NO_ICC.name] !== NO_ICC.value) return;
  throw new UnsupportedError(
    "Cannot link containers: the engine runs with --icc=false, and links that open it are not supported",
  );
}

/** The target of a link now: by its id, else the container that has taken its name since. */
export function targetOf(
  registry: Pick<ContainerRegistry, "find" | "isVisible" | "tryResolve">,
  link: ContainerLink,
): ContainerRecord | undefined {
  const record = registry.find(link.targetId);
  if (record && registry.isVisible(record)) return record;
  return registry.tryResolve(`/${link.targetName}`); // the slash: "db" is no prefix of an id
}

/** `/db:/web/database`, as `HostConfig.Links` of inspect has it. */
export function formatLinks(
  registry: Pick<ContainerRegistry, "find" | "isVisible" | "tryResolve">,
  record: ContainerRecord,
): readonly string[] {
  return (record.links ?? []).map((link) => {
    const target = targetOf(registry, link);
    return `/${target?.name ?? link.targetName}:/${record.name}/${link.alias}`;
  });
}

/** The containers that link to `id`, with the alias of each link. */
export function linksTo(
  registry: Pick<ContainerRegistry, "linking" | "find" | "isVisible" | "tryResolve">,
  id: ContainerRecord["id"],
): readonly { readonly parent: ContainerRecord; readonly alias: string }[] {
  return registry
    .linking()
    .flatMap((parent) =>
      (parent.links ?? [])
        .filter((link) => targetOf(registry, link)?.id === id)
        .map(({ alias }) => ({ parent, alias })),
    );
}
