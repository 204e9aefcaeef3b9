import { InvalidArgumentError } from "#base/errors.ts";
import { type Command, defineCommand, exactly } from "#cli/command/command.ts";
import { cutAt, intFlag, listFlag, stringSliceFlag } from "#cli/command/flags.ts";
import { ipFlag, ipSliceFlag } from "./flags.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS] NETWORK CONTAINER",
  args: exactly(2),
  completeArgs: ["networks", "containers"],
  flags: {
    alias: stringSliceFlag("Add network-scoped alias for the container"),
    "driver-opt": stringSliceFlag("driver options for the network"),
    "gw-priority": intFlag(
      "Highest gw-priority provides the default gateway. Accepts positive and negative values.",
    ),
    ip: ipFlag('IPv4 address (e.g., "172.30.100.104")'),
    ip6: ipFlag('IPv6 address (e.g., "2001:db8::33")'),
    link: listFlag("Add link to another container"),
    "link-local-ip": ipSliceFlag("Add a link-local address for the container"),
  },
  async run(cli, { flags, args: [network = "", container = ""] }) {
    const engine = await cli.engine();
    const linkLocal = flags["link-local-ip"];
    await engine.send("POST", `/networks/${encodeURIComponent(network)}/connect`, {
      json: {
        Container: container,
        EndpointConfig: {
          IPAMConfig: {
            ...(flags.ip === "" ? {} : { IPv4Address: flags.ip }),
            ...(flags.ip6 === "" ? {} : { IPv6Address: flags.ip6 }),
            ...(linkLocal.length === 0 ? {} : { LinkLocalIPs: linkLocal }),
          },
          Links: flags.link,
          Aliases: flags.alias,
          DriverOpts: Object.fromEntries(flags["driver-opt"].map(driverOption)),
          GwPriority: flags["gw-priority"],
        },
      },
    });
    return 0;
  },
});

function driverOption(text: string): readonly [string, string] {
  const [key, value] = cutAt(text, "=");
  if (value === undefined || key === "") {
    throw new InvalidArgumentError("invalid key/value pair format in driver options");
  }
  return [key.trim(), value.trim()];
}
