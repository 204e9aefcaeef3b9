import type { ContainerInspectResponse } from "@docker/node-sdk";
import { InvalidArgumentError, NotFoundError } from "#base/errors.ts";
import { atLeast, type Command, defineCommand } from "#cli/command/command.ts";
import { intFlag, stringFlag } from "#cli/command/flags.ts";
import { runningContainers } from "#compose/act/service-container.ts";
import { dryRun } from "./project/flags.ts";
import { actParts, nameAndProject } from "./project/surroundings.ts";

const MAX_PORT = 65_535;

export const command: Command = defineCommand({
  usage: "[OPTIONS] SERVICE PRIVATE_PORT",
  args: atLeast(2),
  flags: {
    "dry-run": dryRun,
    index: intFlag("Index of the container if service has multiple replicas", { type: "int" }),
    protocol: stringFlag("tcp or udp", { default: "tcp", complete: ["tcp", "udp"] }),
  },
  async run(cli, { flags, args, groupFlags }) {
    const [service = "", text = ""] = args;
    if (!/^\d+$/.test(text)) {
      throw new InvalidArgumentError(
        `strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`,
      );
    }
    if (Number(text) > MAX_PORT) {
      throw new InvalidArgumentError(
        `strconv.ParseUint: parsing ${JSON.stringify(text)}: value out of range`,
      );
    }
    const { projectName } = await nameAndProject(cli, groupFlags);
    using parts = await actParts(cli, groupFlags, flags);
    const { index } = flags;
    const [container] = await runningContainers(projectName, service, parts, { index });
    if (!container) return 0;
    const inspected = await parts.engine.getJson<ContainerInspectResponse>(
      `/containers/${container.id}/json`,
    );
    const ports = inspected.NetworkSettings?.Ports ?? {};
    const wanted = `${Number(text)}/${flags.protocol.toLowerCase()}`;
    const [binding] = ports[wanted] ?? [];
    if (!binding) {
      const published = Object.entries(ports)
        .flatMap(([port, all]) =>
          (all ?? []).map(({ HostPort = "" }) => `${HostPort}/${port.split("/")[1] ?? ""}`),
        )
        .toSorted();
      throw new NotFoundError(
        `no port ${wanted} for container ${container.name}: ${[...new Set(published)].join(", ")}`,
      );
    }
    const { HostIp = "", HostPort = "" } = binding;
    cli.output.write(`${HostIp.includes(":") ? `[${HostIp}]` : HostIp}:${HostPort}\n`);
    return 0;
  },
});
