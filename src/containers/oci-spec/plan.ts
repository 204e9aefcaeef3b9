import type { IdRange } from "#base/id-mappings.ts";
import type { IdMapping, Linux, Spec } from "#spec/oci-runtime.ts";
import type { OciSpecInput } from "./input.ts";
import { planMounts } from "./mounts.ts";
import { planNamespaces } from "./namespaces.ts";
import { containerCapabilities, planProcess } from "./process.ts";
import { planDeviceRules, planResources } from "./resources.ts";
import { parseSeccompProfile, planSeccomp } from "./seccomp.ts";
import { parseSecurityOptions, type SecurityOptions } from "./security-options.ts";

/** crun 1.8 and runc 1.1 read this version; newer ones accept older documents. */
const OCI_VERSION = "1.0.2";

/**
 * The `config.json` of a container about to start.
 *
 * @throws {InvalidArgumentError} An option that cannot be. {FailedPreconditionError} One that this host
 *   cannot do.
 */
export function planOciSpec(input: OciSpecInput): Spec {
  const { config, hostConfig } = input;
  const security = parseSecurityOptions(hostConfig.SecurityOpt, input.host);
  const hasOwnName = hostConfig.UTSMode !== "host";
  return {
    ociVersion: OCI_VERSION,
    process: planProcess(input, security),
    root: { path: input.rootPath, readonly: hostConfig.ReadonlyRootfs },
    ...(hasOwnName ? { hostname: config.Hostname } : {}),
    mounts: planMounts(input, security),
    ...(Object.keys(hostConfig.Annotations).length > 0
      ? { annotations: hostConfig.Annotations }
      : {}),
    linux: planLinux(input, security),
  };
}

function planLinux(input: OciSpecInput, security: SecurityOptions): Linux {
  const { hostConfig } = input;
  const isShared = input.mounts.some(({ propagation }) => /shared|slave/.test(propagation));
  return {
    namespaces: planNamespaces(input),
    // runc wants them although the namespace that is joined has them
    ...(input.users
      ? {
          uidMappings: input.users.mappings.users.map(toWireRange),
          gidMappings: input.users.mappings.groups.map(toWireRange),
        }
      : {}),
    cgroupsPath: input.cgroupPath,
    resources: planResources(hostConfig, input.deviceNumbers, planDeviceRules(input)),
    // no node can be made in a user namespace: there planMounts binds the host's
    devices: input.users ? [] : input.devices.map(({ device }) => device),
    sysctl: planSysctl(input),
    // A mount that is to see the host's later ones needs a root that lets them through.
    ...(isShared ? { rootfsPropagation: rootPropagation(input) } : {}),
    ...(hostConfig.Privileged
      ? {}
      : { maskedPaths: hostConfig.MaskedPaths, readonlyPaths: hostConfig.ReadonlyPaths }),
    ...seccomp(input, security),
  };
}

function toWireRange({ containerId, hostId, size }: IdRange): IdMapping {
  return { containerID: containerId, hostID: hostId, size };
}

function rootPropagation(input: OciSpecInput): "shared" | "slave" {
  return input.mounts.some(({ propagation }) => propagation.includes("shared"))
    ? "shared"
    : "slave";
}

/** Docker's two defaults, where the network namespace is the container's own: low ports and ping without rights. */
function planSysctl(input: OciSpecInput): Readonly<Record<string, string>> {
  const { config, hostConfig } = input;
  const hasOwnNetwork =
    input.networkNamespacePath !== undefined && !hostConfig.NetworkMode.startsWith("container:");
  return {
    ...(hasOwnNetwork
      ? {
          "net.ipv4.ip_unprivileged_port_start": "0",
          "net.ipv4.ping_group_range": `0 ${highestGroup(input)}`,
        }
      : {}),
    ...(config.Domainname !== "" && hostConfig.UTSMode !== "host"
      ? { "kernel.domainname": config.Domainname }
      : {}),
    ...hostConfig.Sysctls,
  };
}

/** The kernel takes groups only that the user namespace has. */
function highestGroup({ users }: OciSpecInput): number {
  if (!users) return 2 ** 31 - 1;
  return Math.max(...users.mappings.groups.map(({ containerId, size }) => containerId + size - 1));
}

function seccomp(input: OciSpecInput, security: SecurityOptions): Pick<Linux, "seccomp"> {
  const { host, hostConfig } = input;
  const isUnconfined =
    security.seccomp === "unconfined" || (hostConfig.Privileged && security.seccomp === undefined);
  if (isUnconfined || !host.hasSeccomp) return {};
  const profile =
    security.seccomp === undefined
      ? input.defaultSeccompProfile
      : parseSeccompProfile(security.seccomp);
  if (!profile) return {};
  return {
    seccomp: planSeccomp(profile, {
      capabilities: containerCapabilities(hostConfig, host),
      architecture: host.architecture,
      kernelRelease: host.kernelRelease,
    }),
  };
}
