import { chownSync, readFileSync, writeFileSync } from "node:fs";
import { renderHostname, renderHosts, renderHostsOfHost } from "#networks/files/hosts.ts";
import type { Sandbox } from "#networks/networks.ts";
import { joinedContainer } from "#spec/engine-api/host-config.ts";
import { linkedHosts } from "#containers/links/linked.ts";
import type { ContainerRecord } from "#containers/container.ts";
import type { ContainerParts, ContainerSettings } from "#containers/parts.ts";
import type { ContainerRegistry } from "#containers/registry.ts";
import type { ContainerId } from "#spec/ids.ts";
import { writeResolvConf } from "./resolv-conf-file.ts";
import { rootOwner } from "./user-namespaces.ts";

/** The files on the host that are mounted at the same names below `/etc`. */
export interface ContainerFilePaths {
  readonly hostnamePath: string;
  readonly hostsPath: string;
  readonly resolvConfPath: string;
}

type FileParts = Pick<ContainerParts, "networks" | "registry" | "settings">;

export function containerFilePaths(
  parts: Pick<FileParts, "registry" | "settings">,
  record: ContainerRecord,
): ContainerFilePaths {
  return filePathsOf(parts.settings, filesOwner(parts.registry, record));
}

/** Id of the container whose files it has: one that shares another's network shares its files too. */
export function filesOwner(
  registry: Pick<ContainerRegistry, "tryResolve">,
  { id, hostConfig }: ContainerRecord,
): ContainerId {
  const joined = joinedContainer(hostConfig.NetworkMode);
  return (joined === undefined ? undefined : registry.tryResolve(joined))?.id ?? id;
}

export function filePathsOf(
  settings: Pick<ContainerSettings, "directory">,
  owner: ContainerId,
): ContainerFilePaths {
  const directory = `${settings.directory}/${owner}`;
  return {
    hostnamePath: `${directory}/hostname`,
    hostsPath: `${directory}/hosts`,
    resolvConfPath: `${directory}/resolv.conf`,
  };
}

/** Writes them anew for each start: addresses change, and what a container wrote goes with its run. */
export function writeContainerFiles(
  parts: FileParts,
  record: ContainerRecord,
  sandbox: Sandbox,
): ContainerFilePaths {
  const paths = containerFilePaths(parts, record);
  if (sandbox.mode.kind === "container") return paths;
  const { config, hostConfig } = record;
  const isHost = sandbox.mode.kind === "host";
  const hostGateways = parts.networks.hostGatewayAddresses();
  writeFileSync(paths.hostnamePath, renderHostname(config.Hostname));
  writeFileSync(
    paths.hostsPath,
    isHost
      ? renderHostsOfHost(readOptional("/etc/hosts") ?? "", hostConfig.ExtraHosts, hostGateways)
      : renderHosts({
          hostname: config.Hostname,
          domainName: config.Domainname,
          addresses: sandbox.endpoints.flatMap(({ ipAddress, ipv6Address }) =>
            [ipAddress, ipv6Address ?? ""].filter((address) => address !== ""),
          ),
          extraHosts: hostConfig.ExtraHosts,
          links: linkedHosts(parts, record),
          hostGateways,
        }),
  );
  writeResolvConf(parts, record, sandbox, paths.resolvConfPath);
  const { uid, gid } = rootOwner(parts, hostConfig);
  for (const path of Object.values(paths) as readonly string[]) chownSync(path, uid, gid);
  return paths;
}

function readOptional(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}
