import { InvalidArgumentError } from "#base/errors.ts";
import { cleanPath } from "#base/posix-path.ts";
import {
  type Mount,
  parseBindSpec,
  type TmpfsOptions,
  type VolumesFromSpec,
} from "#spec/engine-api/mount.ts";
import type { ContainerMount } from "#containers/container.ts";

/**
 * The mounts of a container from all the places that name them, with Docker's precedence: volumes of
 * other containers first, replaced by `Binds`, then `Mounts`; `Binds`, `Mounts` and `Tmpfs` may not name a target
 * twice; a VOLUME (the image's or `-v /path`) fills only a target that nothing else has.
 */
export interface MountWishes {
  readonly binds: readonly string[];
  readonly mounts: readonly Mount[];
  readonly volumesFrom: readonly {
    readonly spec: VolumesFromSpec;
    readonly mounts: readonly ContainerMount[];
  }[];
  /** Targets of the image's and the request's VOLUMEs. */
  readonly volumes: readonly string[];
  /** Target to options: `size=64m,noexec`. */
  readonly tmpfs: Readonly<Record<string, string>>;
  /** Empty where none is named: that of the volume of the name, else `local`. */
  readonly volumeDriver: string;
}

/** A mount whose volume may still have to be made. */
export interface PlannedMount extends ContainerMount {
  /** What to make the volume with, where it is not there; absent for volumes of other containers. */
  readonly volume?: {
    readonly labels: Readonly<Record<string, string>>;
    readonly options: Readonly<Record<string, string>>;
  };
}

/**
 * @returns Sorted by target, so that a parent comes before what lies in it. A volume without a name is
 *   anonymous; its source is empty until it is made.
 * @throws {InvalidArgumentError} With Docker's texts.
 */
export function planMounts(wishes: MountWishes): readonly PlannedMount[] {
  const driver = wishes.volumeDriver;
  const planned = new Map<string, PlannedMount>();
  for (const { spec, mounts } of wishes.volumesFrom) {
    for (const mount of mounts) {
      if (mount.kind !== "tmpfs") planned.set(mount.destination, borrowedMount(mount, spec));
    }
  }
  const taken = new Set(Object.keys(wishes.tmpfs).map(cleanPath));
  const place = (mount: PlannedMount): void => {
    if (taken.has(mount.destination)) {
      throw new InvalidArgumentError(`Duplicate mount point: ${mount.destination}`);
    }
    taken.add(mount.destination);
    planned.set(mount.destination, mount);
  };
  for (const bind of wishes.binds) place(bindMount(bind, driver));
  for (const mount of wishes.mounts) place(typedMount(mount, driver));
  for (const [target, options] of Object.entries(wishes.tmpfs)) {
    const destination = cleanPath(target);
    planned.set(destination, tmpfsMount(destination, parseOptions(options)));
  }
  for (const target of wishes.volumes) {
    const destination = cleanPath(target);
    if (!planned.has(destination)) planned.set(destination, anonymousVolume(destination, driver));
  }
  return [...planned.values()].sort((left, right) =>
    left.destination < right.destination ? -1 : 1,
  );
}

function borrowedMount(mount: ContainerMount, spec: VolumesFromSpec): PlannedMount {
  return { ...mount, readOnly: mount.readOnly || spec.readOnly, mode: "", copyUp: false };
}

function anonymousVolume(destination: string, driver: string): PlannedMount {
  return {
    kind: "volume",
    driver,
    source: "",
    destination,
    readOnly: false,
    mode: "",
    propagation: "",
    copyUp: true,
    volume: { labels: {}, options: {} },
  };
}

function bindMount(text: string, driver: string): PlannedMount {
  const spec = parseBindSpec(text);
  if (spec.type === "bind") {
    return {
      kind: "bind",
      source: spec.source,
      destination: spec.target,
      readOnly: spec.readOnly,
      mode: spec.mode,
      propagation: spec.propagation ?? "rprivate",
      copyUp: false,
      createSource: true,
      ...(spec.idMap === undefined ? {} : { idMap: spec.idMap }),
    };
  }
  return {
    ...anonymousVolume(spec.target, driver),
    ...(spec.source ? { name: spec.source } : {}),
    readOnly: spec.readOnly,
    // Docker shows `z` for a volume whose mode was not given
    mode: spec.mode || "z",
    copyUp: !spec.noCopy,
    ...(spec.idMap === undefined ? {} : { idMap: spec.idMap }),
  };
}

function typedMount(mount: Mount, driver: string): PlannedMount {
  const destination = cleanPath(mount.Target);
  const readOnly = mount.ReadOnly ?? false;
  switch (mount.Type) {
    case "bind":
      return {
        kind: "bind",
        source: cleanPath(mount.Source ?? ""),
        destination,
        readOnly,
        mode: "",
        propagation: mount.BindOptions?.Propagation ?? "rprivate",
        copyUp: false,
        ...(mount.BindOptions?.CreateMountpoint ? { createSource: true } : {}),
        ...(mount.BindOptions?.NonRecursive ? { recursive: false } : {}),
        ...(mount.BindOptions?.ReadOnlyNonRecursive ? { hasWritableSubmounts: true } : {}),
        ...(mount.BindOptions?.IdMap === undefined
          ? {}
          : { idMap: toIdMap(mount.BindOptions.IdMap) }),
      };
    case "volume":
      return typedVolume(mount, destination, driver);
    case "tmpfs":
      return { ...tmpfsMount(destination, tmpfsOptions(mount.TmpfsOptions)), readOnly };
    case "image":
      return {
        kind: "image",
        name: mount.Source ?? "",
        source: "",
        destination,
        readOnly: true,
        mode: "",
        propagation: "rprivate",
        copyUp: false,
        ...(mount.ImageOptions?.Subpath ? { subpath: mount.ImageOptions.Subpath } : {}),
      };
  }
}

/** On the wire `container` stands for the ids of the container's user namespace. */
function toIdMap(text: string): string {
  return text === "container" ? "" : text;
}

function typedVolume(mount: Mount, destination: string, driver: string): PlannedMount {
  const options = mount.VolumeOptions;
  return {
    ...anonymousVolume(destination, options?.DriverConfig?.Name ?? driver),
    ...(mount.Source ? { name: mount.Source, mode: "z" } : {}),
    readOnly: mount.ReadOnly ?? false,
    copyUp: options?.NoCopy !== true,
    ...(options?.Subpath ? { subpath: options.Subpath } : {}),
    volume: { labels: options?.Labels ?? {}, options: options?.DriverConfig?.Options ?? {} },
  };
}

function tmpfsMount(destination: string, options: Readonly<Record<string, string>>): PlannedMount {
  return {
    kind: "tmpfs",
    source: "",
    destination,
    readOnly: Object.hasOwn(options, "ro"),
    mode: "",
    propagation: "",
    copyUp: false,
    options,
  };
}

function parseOptions(text: string): Readonly<Record<string, string>> {
  const pairs = text.split(",").filter((option) => option !== "");
  return Object.fromEntries(
    pairs.map((option): [string, string] => {
      const equals = option.indexOf("=");
      return equals < 0 ? [option, ""] : [option.slice(0, equals), option.slice(equals + 1)];
    }),
  );
}

function tmpfsOptions(options: TmpfsOptions | undefined): Readonly<Record<string, string>> {
  return {
    ...(options?.SizeBytes ? { size: String(options.SizeBytes) } : {}),
    ...(options?.Mode === undefined ? {} : { mode: options.Mode.toString(8) }),
    ...Object.fromEntries(
      (options?.Options ?? []).map(([name = "", value = ""]): [string, string] => [name, value]),
    ),
  };
}
