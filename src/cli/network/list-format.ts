import type { NetworkSummary } from "@docker/node-sdk";
import type { ListFormat } from "#cli/output/list.ts";
import { labelList, shortId } from "#cli/output/texts.ts";

/** @param isFull Whole ids. */
export function networkListFormat(isFull: boolean): ListFormat<NetworkSummary> {
  return {
    goType: "*formatter.networkContext",
    table: "{{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.Scope}}",
    quiet: "{{.ID}}",
    raw: "network_id: {{.ID}}\nname: {{.Name}}\ndriver: {{.Driver}}\nscope: {{.Scope}}\n",
    configKey: "networksFormat",
    headers: {
      ID: "NETWORK ID",
      Name: "NAME",
      Driver: "DRIVER",
      Scope: "SCOPE",
      IPv4: "IPV4",
      IPv6: "IPV6",
      Internal: "INTERNAL",
      Labels: "LABELS",
      CreatedAt: "CREATED AT",
    },
    fields: (network) => ({
      ID: isFull ? (network.Id ?? "") : shortId(network.Id ?? ""),
      Name: network.Name ?? "",
      Driver: network.Driver ?? "",
      Scope: network.Scope ?? "",
      IPv4: String(network.EnableIPv4 ?? false),
      IPv6: String(network.EnableIPv6 ?? false),
      Internal: String(network.Internal ?? false),
      Labels: labelList(network.Labels),
      CreatedAt: goTimeOf(network.Created ?? ""),
      Label: (name: string): string => network.Labels?.[name] ?? "",
    }),
  };
}

/** Go's `time.Time.String()` of a time that the engine sent, which is in UTC. */
function goTimeOf(rfc3339: string): string {
  return rfc3339.replace("T", " ").replace("Z", " +0000 UTC");
}
