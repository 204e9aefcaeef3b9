import { ConflictError } from "#base/errors.ts";
import { isIpAddress } from "#base/ip-address.ts";
import type { ContainerRecord } from "#containers/container.ts";
import { planPorts } from "#containers/bring-up/ports.ts";
import type { PortRequest, PublishedPort, Sandbox } from "#networks/networks.ts";
import type { ContainerUpdateRequest, PortBindings } from "#spec/engine-api/container-update.ts";
import { joinedContainer, type PortBinding } from "#spec/engine-api/host-config.ts";
import { parseContainerPort, tryParsePortRange } from "#spec/engine-api/port-spec.ts";

/** What a change of published ports comes to. */
export interface PortChangePlan {
  /** `PortBindings` of the record from now on. */
  readonly bindings: PortBindings;
  /** Ports of the open sandbox to give back; none where the container does not run. */
  readonly remove: readonly PublishedPort[];
  readonly add: readonly PortRequest[];
}

/**
 * @param published What the running container publishes now; none where it does not run.
 * @throws {ConflictError} A port to take away is not published, or the container's network publishes none.
 */
export function planPortChange(
  { hostConfig }: Pick<ContainerRecord, "hostConfig">,
  published: readonly PublishedPort[],
  { add, remove }: ContainerUpdateRequest["ports"],
): PortChangePlan {
  if (Object.keys(add).length > 0) refuseNetwork(hostConfig.NetworkMode);
  let bindings: PortBindings = hostConfig.PortBindings;
  const gone = new Set<PublishedPort>();
  for (const [key, specs] of Object.entries(remove)) {
    for (const spec of specs.length === 0 ? [ANY] : specs) {
      const found = published.filter((port) => isOf(port, key) && leadsFrom(port, spec));
      const kept = withoutBindings(bindings[key] ?? [], spec, found);
      if (found.length === 0 && kept.length === (bindings[key] ?? []).length) {
        throw new ConflictError(`port ${shown(key, spec)} is not published`);
      }
      for (const port of found) gone.add(port);
      const { [key]: _, ...others } = bindings;
      bindings = kept.length === 0 ? others : { ...others, [key]: kept };
    }
  }
  for (const [key, added] of Object.entries(add)) {
    const list = added.length === 0 ? [ANY] : added;
    bindings = { ...bindings, [key]: [...(bindings[key] ?? []), ...list] };
  }
  const wanted = Object.fromEntries(
    Object.entries(add).map(([key, list]) => [key, list.length === 0 ? [ANY] : list]),
  );
  return {
    bindings,
    remove: [...gone],
    add: planPorts({ PortBindings: wanted, PublishAllPorts: false }, []),
  };
}

const ANY: PortBinding = { HostIp: "", HostPort: "" };

/** A container that shares another's network publishes through that one. */
function refuseNetwork(mode: string): void {
  const owner = joinedContainer(mode);
  if (owner !== undefined) {
    throw new ConflictError(
      `it shares the network of container ${owner.slice(0, 12)}: publish ports there`,
    );
  }
  if (mode === "host" || mode === "none") {
    throw new ConflictError(`network mode ${mode} publishes no ports`);
  }
}

function isOf(port: PublishedPort, key: string): boolean {
  const container = parseContainerPort(key);
  return port.containerPort === container.port && port.protocol === container.protocol;
}

function leadsFrom(port: PublishedPort, { HostIp, HostPort }: PortBinding): boolean {
  const range = tryParsePortRange(HostPort);
  // without address translation no port of the host leads anywhere, whatever was asked for
  const isPort = HostPort === "" || port.hostPort === 0 || isWithin(range, port.hostPort);
  return isPort && (HostIp === "" || isSameAddress(HostIp, port.hostAddress));
}

function isWithin(range: ReturnType<typeof tryParsePortRange>, port: number): boolean {
  return range !== undefined && port >= range.first && port <= range.last;
}

function isSameAddress(left: string, right: string): boolean {
  if (!isIpAddress(left) || !isIpAddress(right)) return false;
  return new URL(urlOf(left)).hostname === new URL(urlOf(right)).hostname;
}

/** URLs write each address in one way only. */
function urlOf(address: string): string {
  return address.includes(":") ? `http://[${address}]` : `http://${address}`;
}

/**
 * Bindings that say what the removal says; else, where the port was left to the engine, one of those that may
 * have given the port.
 */
function withoutBindings(
  bindings: readonly PortBinding[],
  spec: PortBinding,
  found: readonly PublishedPort[],
): readonly PortBinding[] {
  const isAddress = ({ HostIp }: PortBinding): boolean =>
    spec.HostIp === "" || (HostIp !== "" && isSameAddress(HostIp, spec.HostIp));
  const kept = bindings.filter(
    (binding) =>
      !(isAddress(binding) && (spec.HostPort === "" || binding.HostPort === spec.HostPort)),
  );
  if (kept.length < bindings.length || found.length === 0) return kept;
  const flexible = bindings.findIndex(
    (binding) =>
      (isAddress(binding) || binding.HostIp === "") &&
      found.some(({ hostPort }) => mayGive(binding, hostPort)),
  );
  return bindings.filter((_, index) => index !== flexible);
}

function mayGive({ HostPort }: PortBinding, port: number): boolean {
  return (
    HostPort === "" || HostPort === "0" || port === 0 || isWithin(tryParsePortRange(HostPort), port)
  );
}

function shown(key: string, { HostIp, HostPort }: PortBinding): string {
  if (HostIp === "" && HostPort === "") return key;
  return `${HostIp === "" ? "" : `${HostIp}:`}${HostPort}:${key}`;
}

/** The sandbox whose ports can be changed while the container runs. */
export function hasOpenPorts(sandbox: Sandbox | undefined): sandbox is Sandbox {
  return sandbox?.mode.kind === "bridge";
}
