import { InvalidArgumentError } from "#base/errors.ts";
import type { PortRequest } from "#networks/networks.ts";
import type { HostConfig } from "#spec/engine-api/host-config.ts";
import { parseContainerPort, tryParsePortRange } from "#spec/engine-api/port-spec.ts";

/**
 * The ports that a container publishes: those of `-p`, and with `-P` every exposed one that has none.
 *
 * @param exposed Keys like `80/tcp`.
 * @throws {InvalidArgumentError} With Docker's text.
 */
export function planPorts(
  hostConfig: Pick<HostConfig, "PortBindings" | "PublishAllPorts">,
  exposed: readonly string[],
): readonly PortRequest[] {
  const requests: PortRequest[] = [];
  for (const [key, bindings] of Object.entries(hostConfig.PortBindings)) {
    const { port, protocol } = parseContainerPort(key);
    for (const { HostIp, HostPort } of bindings) {
      requests.push({
        protocol,
        containerPort: port,
        hostPort: parseHostPort(HostPort),
        ...(HostIp ? { hostAddress: HostIp } : {}),
      });
    }
  }
  if (!hostConfig.PublishAllPorts) return requests;
  for (const key of exposed) {
    if ((hostConfig.PortBindings[key]?.length ?? 0) > 0) continue;
    const { port, protocol } = parseContainerPort(key);
    requests.push({ protocol, containerPort: port, hostPort: 0 });
  }
  return requests;
}

function parseHostPort(text: string): PortRequest["hostPort"] {
  if (text === "" || text === "0") return 0;
  const range = tryParsePortRange(text);
  if (!range) throw new InvalidArgumentError(`invalid port specification: ${JSON.stringify(text)}`);
  return range;
}
