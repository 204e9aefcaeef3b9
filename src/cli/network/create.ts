import type { NetworkCreateResponse } from "@docker/node-sdk";
import { type Command, defineCommand, exactly } from "#cli/command/command.ts";
import { boolFlag, listFlag, mapFlag, stringFlag, stringSliceFlag } from "#cli/command/flags.ts";
import { labelMap } from "#cli/label-map.ts";
import { cidrSliceFlag, ipSliceFlag } from "./flags.ts";
import { ipamConfig } from "./ipam-config.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS] NETWORK",
  args: exactly(1),
  flags: {
    attachable: boolFlag("Enable manual container attachment", { minApi: "1.25" }),
    "aux-address": mapFlag("Auxiliary IPv4 or IPv6 addresses used by Network driver"),
    "config-from": stringFlag("The network from which to copy the configuration", {
      minApi: "1.30",
      complete: "networks",
    }),
    "config-only": boolFlag("Create a configuration only network", { minApi: "1.30" }),
    driver: stringFlag("Driver to manage the Network", { short: "d", default: "bridge" }),
    gateway: ipSliceFlag("IPv4 or IPv6 Gateway for the master subnet"),
    ingress: boolFlag("Create swarm routing-mesh network", { minApi: "1.29" }),
    internal: boolFlag("Restrict external access to the network"),
    "ip-range": cidrSliceFlag("Allocate container ip from a sub-range"),
    "ipam-driver": stringFlag("IP Address Management Driver", { default: "default" }),
    "ipam-opt": mapFlag("Set IPAM driver specific options"),
    ipv4: boolFlag("Enable or disable IPv4 address assignment", { default: true }),
    ipv6: boolFlag("Enable or disable IPv6 address assignment"),
    label: listFlag("Set metadata on a network"),
    opt: mapFlag("Set driver specific options", { short: "o" }),
    scope: stringFlag("Control the network's scope", { minApi: "1.30" }),
    subnet: stringSliceFlag("Subnet in CIDR format that represents a network segment"),
  },
  async run(cli, { flags, args: [name = ""], isSet }) {
    const engine = await cli.engine();
    const isFrom = flags["config-from"] !== "";
    const config = ipamConfig(flags);
    const created = await engine.postJson<NetworkCreateResponse>("/networks/create", {
      json: {
        Name: name,
        Driver: flags.driver,
        Scope: flags.scope,
        ...(isSet("ipv4") ? { EnableIPv4: flags.ipv4 } : {}),
        ...(isSet("ipv6") ? { EnableIPv6: flags.ipv6 } : {}),
        IPAM: { Driver: flags["ipam-driver"], Options: flags["ipam-opt"], Config: config },
        Internal: flags.internal,
        Attachable: flags.attachable,
        Ingress: flags.ingress,
        ConfigOnly: flags["config-only"],
        ...(isFrom ? { ConfigFrom: { Network: flags["config-from"] } } : {}),
        Options: flags.opt,
        Labels: labelMap(flags.label),
      },
    });
    if (created.Warning) cli.errors.write(`WARNING: ${created.Warning}\n`);
    cli.output.write(`${created.Id}\n`);
    return 0;
  },
});
