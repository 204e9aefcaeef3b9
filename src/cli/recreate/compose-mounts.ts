import type { HostConfig } from "#spec/engine-api/host-config.ts";
import { type Mount, parseBindSpec } from "#spec/engine-api/mount.ts";
import type { YamlValue } from "./yaml.ts";

/** `volumes` of a service: binds by their short text, mounts with all their fields. */
export function composeMounts(
  host: HostConfig,
  anonymous: readonly string[],
): readonly YamlValue[] {
  return [...anonymous, ...host.Binds, ...host.Mounts.map(composeMount)];
}

/** Names of volumes that the containers share with others, or keep. */
export function namedVolumes(host: HostConfig): readonly string[] {
  const bound = host.Binds.map(parseBindSpec).filter(({ type }) => type === "volume");
  const mounted = host.Mounts.filter(({ Type }) => Type === "volume");
  return [
    ...bound.map(({ source }) => source),
    ...mounted.map(({ Source }) => Source ?? ""),
  ].filter((name) => name !== "");
}

/** What a Compose file has no word for. */
export function composeMountRemarks(host: HostConfig): readonly string[] {
  const binds = host.Binds.map(parseBindSpec).filter(({ idMap }) => idMap !== undefined);
  const mounts = host.Mounts.filter(({ BindOptions }) => BindOptions?.IdMap !== undefined);
  return [...binds.map(({ target }) => target), ...mounts.map(({ Target }) => Target)].map(
    (target) => `the id map of ${target}`,
  );
}

function composeMount(mount: Mount): YamlValue {
  const { BindOptions: bind, VolumeOptions: volume, TmpfsOptions: tmpfs } = mount;
  return {
    type: mount.Type,
    source: mount.Source,
    target: mount.Target,
    read_only: mount.ReadOnly,
    consistency: mount.Consistency,
    bind:
      mount.Type === "bind"
        ? {
            propagation: bind?.Propagation,
            create_host_path: bind?.CreateMountpoint ?? false,
            recursive: recursion(mount),
          }
        : undefined,
    volume: volume && {
      nocopy: volume.NoCopy,
      subpath: volume.Subpath,
      labels: volume.Labels && { ...volume.Labels },
    },
    tmpfs: tmpfs && { size: tmpfs.SizeBytes, mode: tmpfs.Mode },
    image: mount.ImageOptions && { subpath: mount.ImageOptions.Subpath },
  };
}

function recursion({ BindOptions: bind }: Mount): string | undefined {
  if (bind?.NonRecursive) return "disabled";
  if (bind?.ReadOnlyForceRecursive) return "readonly";
  return bind?.ReadOnlyNonRecursive ? "writable" : undefined;
}
