import { FailedPreconditionError } from "#base/errors.ts";
import type { ContainerLink, ContainerRecord } from "#containers/container.ts";
import type { ContainerParts } from "#containers/parts.ts";
import type { Endpoint } from "#networks/networks.ts";
import { linkEnvironment } from "./environment.ts";
import { aliasName, targetOf } from "./links.ts";

export type LinkParts = Pick<ContainerParts, "networks" | "registry">;

/** A linked container that runs. */
interface Linked {
  readonly link: ContainerLink;
  readonly target: ContainerRecord;
  readonly endpoint: Endpoint;
}

/** Legacy links are the default network's; elsewhere they are recorded, and mean nothing. */
function isLinkable({ hostConfig }: ContainerRecord): boolean {
  return ["", "default", "bridge"].includes(hostConfig.NetworkMode);
}

function bridgeEndpoint(parts: LinkParts, record: ContainerRecord): Endpoint | undefined {
  if (record.state.status !== "running") return undefined;
  return parts.networks
    .sandboxOf(record.id)
    ?.endpoints.find(({ networkName }) => networkName === "bridge");
}

function linkedOf(parts: LinkParts, record: ContainerRecord): readonly Linked[] {
  if (!isLinkable(record)) return [];
  return (record.links ?? []).flatMap((link) => {
    const target = targetOf(parts.registry, link);
    const endpoint = target && bridgeEndpoint(parts, target);
    return target && endpoint ? [{ link, target, endpoint }] : [];
  });
}

/**
 * For a container about to start.
 *
 * @throws {FailedPreconditionError} In Docker's words: a target does not run, or is not on the network.
 */
export function checkLinks(parts: LinkParts, record: ContainerRecord): void {
  if (!isLinkable(record)) return;
  for (const link of record.links ?? []) {
    const target = targetOf(parts.registry, link);
    if (target?.state.status !== "running") {
      const name = target?.name ?? link.targetName;
      throw new FailedPreconditionError(
        `Cannot link to a non running container: /${name} AS /${record.name}/${link.alias}`,
      );
    }
    if (!bridgeEndpoint(parts, target)) {
      throw new FailedPreconditionError(
        `container ${target.id} not attached to default bridge network`,
      );
    }
  }
}

/** Variables of all links; a target that does not run tells nothing. */
export function linkedEnvironment(parts: LinkParts, record: ContainerRecord): readonly string[] {
  return linkedOf(parts, record).flatMap(({ link, target, endpoint }) =>
    linkEnvironment({
      alias: link.alias,
      parentName: record.name,
      address: endpoint.ipAddress,
      ports: [
        ...new Set([
          ...Object.keys(target.config.ExposedPorts),
          ...Object.keys(target.hostConfig.PortBindings),
        ]),
      ],
      environment: target.config.Env,
    }),
  );
}

/** The names that a target has in `/etc/hosts` of who links to it: alias, host name, its own name. */
function linkNames(alias: string, target: ContainerRecord): readonly string[] {
  const short = aliasName(alias);
  return [short, target.config.Hostname, ...(short === target.name ? [] : [target.name])];
}

/** Lines of `/etc/hosts`. */
export function linkedHosts(
  parts: LinkParts,
  record: ContainerRecord,
): readonly { readonly address: string; readonly names: readonly string[] }[] {
  return linkedOf(parts, record).flatMap(({ link, target, endpoint }) => {
    const names = linkNames(link.alias, target);
    return [endpoint.ipAddress, endpoint.ipv6Address ?? ""]
      .filter((address) => address !== "")
      .map((address) => ({ address, names }));
  });
}
