import type { ContainerInspectResponse, PortBinding } from "@docker/node-sdk";
import { InvalidArgumentError, NotFoundError } from "#base/errors.ts";
import { compareNaturally } from "#base/tables.ts";
import { between, type Command, defineCommand } from "#cli/command/command.ts";
import { containerPath } from "./each-container.ts";

export const command: Command = defineCommand({
  usage: "CONTAINER [PRIVATE_PORT[/PROTO]]",
  args: between(1, 2),
  completeArgs: ["running-containers", []],
  flags: {},
  async run(cli, { args }) {
    const [name = "", wanted] = args;
    const engine = await cli.engine();
    const container = await engine.getJson<ContainerInspectResponse>(containerPath(name, "/json"));
    const ports = container.NetworkSettings?.Ports ?? {};
    const lines = wanted === undefined ? allLines(ports) : linesOf(ports, wanted, name);
    cli.output.write(lines.map((line) => `${line}\n`).join(""));
    return 0;
  },
});

type Ports = Readonly<Record<string, readonly PortBinding[] | null>>;

function linesOf(ports: Ports, wanted: string, name: string): readonly string[] {
  const [port = "", protocol = "tcp"] = wanted.split("/");
  if (!/^\d+$/.test(port) || Number(port) > 65_535) {
    throw new InvalidArgumentError(`Error: invalid port '${port}'`);
  }
  const bindings = ports[`${port}/${protocol}`];
  if (!bindings || bindings.length === 0) {
    throw new NotFoundError(`no public port '${wanted}' published for ${name}`);
  }
  return bindings.map(hostSide);
}

function allLines(ports: Ports): readonly string[] {
  return Object.entries(ports)
    .flatMap(([port, bindings]) => (bindings ?? []).map((one) => `${port} -> ${hostSide(one)}`))
    .sort(compareNaturally);
}

function hostSide({ HostIp = "", HostPort = "" }: PortBinding): string {
  return HostIp.includes(":") ? `[${HostIp}]:${HostPort}` : `${HostIp}:${HostPort}`;
}
