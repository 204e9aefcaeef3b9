import { InvalidArgumentError } from "#base/errors.ts";
import { customFlag, listFlag, stringFlag } from "#cli/command/flags.ts";
import { parseMountFlag, parseTmpfsFlag, parseVolumeFlag } from "#spec/engine-api/mount-flags.ts";
import type { Mount } from "#spec/engine-api/mount.ts";
import {
  type ClientSurroundings,
  type FlagsOf,
  type RequestFields,
  listOrNothing,
} from "./fields.ts";

/** What is mounted into the container. */
export interface StorageValues {
  readonly mount: readonly Mount[];
  readonly "storage-opt": readonly string[];
  readonly tmpfs: readonly string[];
  readonly volume: readonly string[];
  readonly "volume-driver": string;
  readonly "volumes-from": readonly string[];
}

export const storageFlags: FlagsOf<StorageValues> = {
  mount: customFlag<readonly Mount[]>(
    "mount",
    "Attach a filesystem mount to the container",
    "",
    [],
    (text, before) => [...before, parseMountFlag(text)],
  ),
  "storage-opt": listFlag("Storage driver options for the container"),
  tmpfs: listFlag("Mount a tmpfs directory"),
  volume: listFlag("Bind mount a volume", { short: "v", complete: "volumes" }),
  "volume-driver": stringFlag("Optional volume driver for the container"),
  "volumes-from": listFlag("Mount volumes from the specified container(s)", {
    complete: "containers",
  }),
};

export function planStorage(values: StorageValues, around: ClientSurroundings): RequestFields {
  const volumes = [...new Set(values.volume)].map((text) =>
    parseVolumeFlag(text, around.absolutePath),
  );
  const anonymous = volumes.filter(({ kind }) => kind === "anonymous");
  const binds = volumes.filter(({ kind }) => kind === "bind").map(({ value }) => value);
  const mounts = values.mount.map((mount) => withAbsoluteSource(mount, around));
  const tmpfs = values.tmpfs.map(parseTmpfsFlag);
  const options = values["storage-opt"].map(splitStorageOption);
  return {
    config: { Volumes: Object.fromEntries(anonymous.map(({ value }) => [value, {}])) },
    host: {
      Binds: listOrNothing(binds),
      ...(mounts.length > 0 ? { Mounts: mounts } : {}),
      ...(tmpfs.length > 0
        ? { Tmpfs: Object.fromEntries(tmpfs.map(({ target, options: words }) => [target, words])) }
        : {}),
      ...(options.length > 0 ? { StorageOpt: Object.fromEntries(options) } : {}),
      VolumeDriver: values["volume-driver"],
      VolumesFrom: listOrNothing(values["volumes-from"]),
    },
  };
}

/** A bind of `./here` is relative to where the client runs. */
export function withAbsoluteSource(mount: Mount, around: ClientSurroundings): Mount {
  const source = mount.Source ?? "";
  const isRelative = mount.Type === "bind" && (source === "." || source.startsWith("./"));
  return isRelative ? { ...mount, Source: around.absolutePath(source) } : mount;
}

function splitStorageOption(text: string): readonly [string, string] {
  const equals = text.indexOf("=");
  if (equals < 0) throw new InvalidArgumentError("invalid storage option");
  return [text.slice(0, equals), text.slice(equals + 1)];
}

/** Lines for stderr about flags that have no effect together. */
export function storageWarnings(values: StorageValues): readonly string[] {
  if (values.mount.length === 0 || values["volume-driver"] === "") return [];
  return [
    "WARNING: `--volume-driver` is ignored for volumes specified via `--mount`. Use `--mount type=volume,volume-driver=...` instead.",
  ];
}
