import type { ContainerSummary, PortSummary } from "@docker/node-sdk";
import { quoteGo } from "#base/go-number.ts";
import { formatDecimalSize } from "#base/sizes.ts";
import { ellipsize } from "#base/tables.ts";
import type { ListFormat } from "#cli/output/list.ts";
import { goTimeString, labelList, shortId, timeAgo } from "#cli/output/texts.ts";
import { familiarReference, tryParseImageReference } from "#spec/reference.ts";

const table =
  "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}";

const commandColumns = 20;
const mountColumns = 15;

/** @param withSize Adds the SIZE column to the default table. */
export function containerListFormat(
  now: Date,
  truncate: boolean,
  withSize: boolean,
): ListFormat<ContainerSummary> {
  return {
    goType: "*formatter.ContainerContext",
    table: withSize ? `${table}\t{{.Size}}` : table,
    quiet: "{{.ID}}",
    raw: rawTemplate(withSize),
    configKey: "psFormat",
    headers: {
      ID: "CONTAINER ID",
      Names: "NAMES",
      Image: "IMAGE",
      Command: "COMMAND",
      CreatedAt: "CREATED AT",
      RunningFor: "CREATED",
      Platform: "PLATFORM",
      Ports: "PORTS",
      State: "STATE",
      Status: "STATUS",
      Size: "SIZE",
      Labels: "LABELS",
      Mounts: "MOUNTS",
      LocalVolumes: "LOCAL VOLUMES",
      Networks: "NETWORKS",
      HealthStatus: "HEALTH STATUS",
    },
    fields: (container) => containerFields(container, now, truncate),
  };
}

function rawTemplate(withSize: boolean): string {
  const lines = [
    "container_id: {{.ID}}",
    "image: {{.Image}}",
    "command: {{.Command}}",
    "created_at: {{.CreatedAt}}",
    "state: {{- pad .State 1 0}}",
    "status: {{- pad .Status 1 0}}",
    "names: {{.Names}}",
    "labels: {{- pad .Labels 1 0}}",
    "ports: {{- pad .Ports 1 0}}",
    ...(withSize ? ["size: {{.Size}}"] : []),
  ];
  return `${lines.join("\n")}\n`;
}

function containerFields(
  container: ContainerSummary,
  now: Date,
  truncate: boolean,
): Readonly<Record<string, unknown>> {
  const id = container.Id ?? "";
  const command = container.Command ?? "";
  const createdMs = (container.Created ?? 0) * 1000;
  const labels = container.Labels ?? {};
  return {
    ID: truncate ? shortId(id) : id,
    Names: namesOf(container, truncate),
    Image: imageOf(container, truncate),
    Command: quoteGo(truncate ? ellipsize(command, commandColumns) : command),
    CreatedAt: () => goTimeString(createdMs),
    RunningFor: timeAgo(createdMs, now),
    Platform: platformOf(container),
    Ports: formatPorts(container.Ports ?? []),
    State: container.State ?? "",
    Status: container.Status ?? "",
    Size: sizeOf(container),
    Labels: labelList(labels),
    Mounts: mountsOf(container, truncate),
    LocalVolumes: String(
      (container.Mounts ?? []).filter((mount) => mount.Driver === "local").length,
    ),
    Networks: Object.keys(container.NetworkSettings?.Networks ?? {})
      .sort()
      .join(","),
    HealthStatus: healthOf(container),
    Label: (name: string): string => labels[name] ?? "",
  };
}

function namesOf(container: ContainerSummary, truncate: boolean): string {
  const names = (container.Names ?? []).map((name) => name.replace(/^\//, ""));
  const own = truncate ? names.find((name) => !name.includes("/")) : undefined;
  return own ?? names.join(",");
}

/** The familiar form without its digest, or the short id where the image was named by id. */
function imageOf(container: ContainerSummary, truncate: boolean): string {
  const image = container.Image ?? "";
  if (image === "") return "<no image>";
  if (!truncate) return image;
  const shortImageId = shortId(container.ImageID ?? "");
  if (shortImageId === shortId(image)) return shortImageId;
  const parsed = tryParseImageReference(image);
  if (!parsed.ok) return image;
  const { digest: _digest, ...named } = parsed.reference;
  return familiarReference(named);
}

function platformOf(container: ContainerSummary): string | null {
  const platform = container.ImageManifestDescriptor?.platform;
  if (!platform) return null;
  return [platform.os, platform.architecture, platform.variant].filter(Boolean).join("/");
}

function sizeOf(container: ContainerSummary): string {
  const own = formatDecimalSize(container.SizeRw ?? 0, 3);
  const root = container.SizeRootFs ?? 0;
  return root > 0 ? `${own} (virtual ${formatDecimalSize(root, 3)})` : own;
}

function mountsOf(container: ContainerSummary, truncate: boolean): string {
  return (container.Mounts ?? [])
    .map((mount) => mount.Name || mount.Source || "")
    .map((name) => (truncate ? ellipsize(name, mountColumns) : name))
    .join(",");
}

function healthOf(container: ContainerSummary): string {
  const status = container.Health?.Status;
  return !status || status === "none" ? "" : status;
}

interface PortRange {
  readonly key: string;
  readonly ip: string;
  readonly protocol: string;
  first: number;
  last: number;
}

/**
 * `0.0.0.0:80-81->80-81/tcp, 8080/udp`: consecutive ports of one address and protocol are joined
 * where the public port equals the private one; mappings whose ports differ come last.
 */
export function formatPorts(ports: readonly PortSummary[]): string {
  const sorted = [...ports].sort(comparePorts);
  const open = new Map<string, PortRange>();
  const closed: string[] = [];
  const mappings: string[] = [];
  for (const port of sorted) {
    const { IP: ip = "", PrivatePort: current, PublicPort: publicPort, Type: protocol } = port;
    if (ip !== "" && publicPort !== current) {
      mappings.push(`${joinHostPort(ip, String(publicPort ?? 0))}->${current}/${protocol}`);
      continue;
    }
    const key = `${ip}/${protocol}`;
    const range = open.get(key);
    if (range && current === range.last + 1) {
      range.last = current;
      continue;
    }
    if (range) closed.push(formatRange(range));
    const next = { key, ip, protocol, first: current, last: current };
    if (range) Object.assign(range, next);
    else open.set(key, next);
  }
  return [...closed, ...[...open.values()].map(formatRange), ...mappings].join(", ");
}

function comparePorts(a: PortSummary, b: PortSummary): number {
  return (
    a.PrivatePort - b.PrivatePort ||
    compareText(a.IP ?? "", b.IP ?? "") ||
    (a.PublicPort ?? 0) - (b.PublicPort ?? 0) ||
    compareText(a.Type, b.Type)
  );
}

function compareText(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

function joinHostPort(host: string, port: string): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

function formatRange(range: PortRange): string {
  const { ip, protocol, first, last } = range;
  const ports = first === last ? String(first) : `${first}-${last}`;
  return ip === "" ? `${ports}/${protocol}` : `${joinHostPort(ip, ports)}->${ports}/${protocol}`;
}
