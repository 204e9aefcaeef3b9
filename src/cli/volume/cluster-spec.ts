import { cutAt, splitCsvLine } from "#cli/command/flags.ts";

/** The flags of `volume create` that make a cluster volume when one of them is given. */
export const clusterFlagNames = [
  "availability",
  "group",
  "limit-bytes",
  "required-bytes",
  "scope",
  "secret",
  "sharing",
  "topology-preferred",
  "topology-required",
  "type",
] as const;

/** Their values. */
export interface ClusterFlags {
  readonly availability: string;
  readonly group: string;
  readonly "limit-bytes": number;
  readonly "required-bytes": number;
  readonly scope: string;
  readonly secret: Readonly<Record<string, string>>;
  readonly sharing: string;
  readonly "topology-preferred": readonly string[];
  readonly "topology-required": readonly string[];
  readonly type: string;
}

/** The `ClusterVolumeSpec` of the API. */
export function clusterVolumeSpec(flags: ClusterFlags): Readonly<Record<string, unknown>> {
  const secrets = Object.entries(flags.secret)
    .map(([Key, Secret]) => ({ Key, Secret }))
    .sort((a, b) => (a.Key < b.Key ? -1 : 1));
  return {
    Group: flags.group,
    AccessMode: {
      Scope: flags.scope,
      Sharing: flags.sharing,
      Availability: flags.availability,
      ...(flags.type === "mount" ? { MountVolume: {} } : {}),
      ...(flags.type === "block" ? { BlockVolume: {} } : {}),
      Secrets: secrets,
      CapacityRange: {
        RequiredBytes: flags["required-bytes"],
        LimitBytes: flags["limit-bytes"],
      },
      AccessibilityRequirements: {
        Requisite: flags["topology-required"].map(parseTopology),
        Preferred: flags["topology-preferred"].map(parseTopology),
      },
    },
  };
}

/** `region=R1,zone=Z2` */
function parseTopology(text: string): { readonly Segments: Readonly<Record<string, string>> } {
  const segments: Record<string, string> = {};
  for (const pair of splitCsvLine(text)) {
    const [key, value = ""] = cutAt(pair, "=");
    segments[key] = value;
  }
  return { Segments: segments };
}
