import type { Volume } from "@docker/node-sdk";
import { formatDecimalSize } from "#base/sizes.ts";
import type { ListFormat } from "#cli/output/list.ts";
import { labelList } from "#cli/output/texts.ts";

/** @param isCluster The columns of cluster volumes. */
export function volumeListFormat(isCluster: boolean): ListFormat<Volume> {
  return {
    goType: "*formatter.volumeContext",
    table: isCluster
      ? "{{.Name}}\t{{.Group}}\t{{.Driver}}\t{{.Availability}}\t{{.Status}}"
      : "{{.Driver}}\t{{.Name}}",
    quiet: "{{.Name}}",
    raw: "name: {{.Name}}\ndriver: {{.Driver}}\n",
    configKey: "volumesFormat",
    headers: {
      ID: "ID",
      Driver: "DRIVER",
      Name: "VOLUME NAME",
      Scope: "SCOPE",
      Mountpoint: "MOUNTPOINT",
      Labels: "LABELS",
      Links: "LINKS",
      Size: "SIZE",
      Group: "GROUP",
      Availability: "AVAILABILITY",
      Status: "STATUS",
    },
    fields: (volume) => ({
      Driver: volume.Driver,
      Name: volume.Name,
      Scope: volume.Scope,
      Mountpoint: volume.Mountpoint,
      Labels: labelList(volume.Labels),
      Links: volume.UsageData ? String(volume.UsageData.RefCount) : "N/A",
      Size: volume.UsageData ? formatDecimalSize(volume.UsageData.Size) : "N/A",
      Group: volume.ClusterVolume?.Spec?.Group ?? "N/A",
      Availability: volume.ClusterVolume?.Spec?.AccessMode?.Availability ?? "N/A",
      Status: clusterStatus(volume),
      Label: (name: string): string => volume.Labels?.[name] ?? "",
    }),
  };
}

function clusterStatus(volume: Volume): string {
  const { ClusterVolume: cluster } = volume;
  if (!cluster) return "N/A";
  if (!cluster.Info?.VolumeID) return "pending creation";
  const published = (cluster.PublishStatus ?? []).filter(
    ({ State }) => State === "published",
  ).length;
  if (published === 0) return "created";
  return published === 1 ? "in use (1 node)" : `in use (${published} nodes)`;
}
