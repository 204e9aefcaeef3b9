import type { Mount } from "#spec/engine-api/mount.ts";
import { csvLine } from "./words.ts";

/** The value of `--mount` for one entry of `HostConfig.Mounts`. */
export function mountFlag(mount: Mount): string {
  const fields = [
    `type=${mount.Type}`,
    ...field("source", mount.Source),
    `target=${mount.Target}`,
    ...(mount.ReadOnly ? ["readonly"] : []),
    ...field("consistency", mount.Consistency),
    ...bindFields(mount),
    ...volumeFields(mount),
    ...(mount.ImageOptions ? field("image-subpath", mount.ImageOptions.Subpath) : []),
    ...field("tmpfs-size", mount.TmpfsOptions?.SizeBytes || undefined),
    ...field("tmpfs-mode", mount.TmpfsOptions?.Mode?.toString(8)),
  ];
  return csvLine(fields);
}

/** What a mount of the API has and `--mount` has no word for. */
export function mountRemarks(mount: Mount): readonly string[] {
  const options = mount.TmpfsOptions?.Options ?? [];
  if (options.length === 0) return [];
  const words = options.map((option) => option.join("=")).join(",");
  return [`the options ${words} of the tmpfs ${mount.Target}`];
}

function field(name: string, value: string | number | undefined): readonly string[] {
  return value === undefined || value === "" ? [] : [`${name}=${value}`];
}

function bindFields({ BindOptions: bind }: Mount): readonly string[] {
  if (!bind) return [];
  return [
    ...field("bind-propagation", bind.Propagation),
    ...(bind.CreateMountpoint ? ["bind-create-src"] : []),
    ...(bind.NonRecursive ? ["bind-recursive=disabled"] : []),
    ...(bind.ReadOnlyNonRecursive ? ["bind-recursive=writable"] : []),
    ...(bind.ReadOnlyForceRecursive ? ["bind-recursive=readonly"] : []),
    ...field("idmap", bind.IdMap),
  ];
}

function volumeFields({ VolumeOptions: volume }: Mount): readonly string[] {
  if (!volume) return [];
  const options = Object.entries(volume.DriverConfig?.Options ?? {});
  return [
    ...(volume.NoCopy ? ["volume-nocopy"] : []),
    ...field("volume-subpath", volume.Subpath),
    ...field("volume-driver", volume.DriverConfig?.Name),
    ...options.map(([key, value]) => `volume-opt=${key}=${value}`),
    ...Object.entries(volume.Labels ?? {}).map(([key, value]) => `volume-label=${key}=${value}`),
  ];
}
