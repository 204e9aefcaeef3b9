import { InvalidArgumentError } from "#base/errors.ts";
import type { JsonReader } from "#base/json-reader.ts";
import { cleanPath } from "#base/posix-path.ts";
import { parseIdMapOption } from "./id-map-option.ts";
import { parseVolumeName } from "#spec/ids.ts";

export type MountType = "bind" | "volume" | "tmpfs" | "image";

export const PROPAGATIONS = [
  "private",
  "rprivate",
  "slave",
  "rslave",
  "shared",
  "rshared",
] as const;
export type Propagation = (typeof PROPAGATIONS)[number];

/** One entry of `HostConfig.Mounts`, as on the wire. */
export interface Mount {
  readonly Type: MountType;
  /** Host path, volume name or image; absent for tmpfs and anonymous volumes. */
  readonly Source?: string;
  readonly Target: string;
  readonly ReadOnly?: boolean;
  readonly Consistency?: string;
  readonly BindOptions?: BindOptions;
  readonly VolumeOptions?: VolumeOptions;
  readonly ImageOptions?: { readonly Subpath?: string };
  readonly TmpfsOptions?: TmpfsOptions;
}

export interface BindOptions {
  readonly Propagation?: Propagation;
  /** Mounts below the source are left out. */
  readonly NonRecursive?: boolean;
  /** Makes a missing source folder. */
  readonly CreateMountpoint?: boolean;
  /** Mounts below the source stay writable in a read-only mount. */
  readonly ReadOnlyNonRecursive?: boolean;
  /** Fails where mounts below the source cannot be made read-only. */
  readonly ReadOnlyForceRecursive?: boolean;
  /** Wharf's own: owners other than on disk. `container` or Podman's `uids=…;gids=…`. */
  readonly IdMap?: string;
}

export interface VolumeOptions {
  /** Leaves the image's files at the target out of a new volume. */
  readonly NoCopy?: boolean;
  readonly Labels?: Readonly<Record<string, string>>;
  readonly Subpath?: string;
  readonly DriverConfig?: {
    readonly Name?: string;
    readonly Options?: Readonly<Record<string, string>>;
  };
}

export interface TmpfsOptions {
  readonly SizeBytes?: number;
  /** Permission bits. */
  readonly Mode?: number;
  /** `["noexec"]` or `["size", "5"]`. */
  readonly Options?: readonly (readonly string[])[];
}

/** What one `-v` or entry of `HostConfig.Binds` asks for. */
export interface BindSpec {
  readonly type: "bind" | "volume";
  /** Absolute host path or volume name; empty for an anonymous volume. */
  readonly source: string;
  /** Absolute and clean. */
  readonly target: string;
  readonly readOnly: boolean;
  readonly noCopy: boolean;
  readonly propagation?: Propagation;
  /** Whether the SELinux label is shared (`z`) or private (`Z`). */
  readonly selinux?: "z" | "Z";
  /** What follows `idmap=`; empty for the ids of the container's user namespace. */
  readonly idMap?: string;
  /** As typed: `ro,z`. */
  readonly mode: string;
}

/** What one entry of `VolumesFrom` asks for. */
export interface VolumesFromSpec {
  /** Name or ID of the container. */
  readonly container: string;
  readonly mode: string;
  readonly readOnly: boolean;
}

const PATH_MAX_LENGTH = 4096;
const TMPFS_FLAGS: ReadonlySet<string> = new Set(
  (
    "exec noexec rw ro atime noatime relatime norelatime strictatime nostrictatime diratime " +
    "nodiratime dev nodev suid nosuid sync async dirsync nr_blocks nr_inodes size mode uid gid " +
    "mpol huge noswap defaults mand nomand symfollow nosymfollow"
  ).split(" "),
);

function isPropagation(text: string): text is Propagation {
  return PROPAGATIONS.some((name) => name === text);
}

function checkTarget(target: string): void {
  if (target.includes("\0") || target.length > PATH_MAX_LENGTH) {
    throw new InvalidArgumentError(
      `invalid mount path: ${JSON.stringify(target.slice(0, 64))} is too long or has a NUL byte`,
    );
  }
  if (!target.startsWith("/")) {
    throw new InvalidArgumentError(`invalid mount path: '${target}' mount path must be absolute`);
  }
  if (cleanPath(target) === "/") {
    throw new InvalidArgumentError("invalid specification: destination can't be '/'");
  }
}

/** @throws {InvalidArgumentError} For a relative path and `/`, as `-v` and `--tmpfs` refuse them. */
export function parseMountTarget(target: string): string {
  checkTarget(target);
  return cleanPath(target);
}

interface ModeWords {
  readonly readOnly: boolean;
  readonly noCopy: boolean;
  readonly propagation?: Propagation;
  readonly selinux?: "z" | "Z";
  readonly idMap?: string;
}

/** Each group of words at most once: `ro,rw` is refused like `foo`. */
function parseMode(mode: string): ModeWords | undefined {
  if (mode === "") return { readOnly: false, noCopy: false };
  const seen = new Map<string, string>();
  for (const word of mode.split(",")) {
    const group = modeGroup(word);
    if (group === undefined || seen.has(group)) return undefined;
    seen.set(group, word);
  }
  const propagation = seen.get("propagation");
  const selinux = seen.get("label");
  const idMap = seen.get("owners")?.slice("idmap=".length);
  if (idMap !== undefined) parseIdMapOption(idMap);
  return {
    readOnly: seen.get("access") === "ro",
    noCopy: seen.has("copy"),
    ...(propagation !== undefined && isPropagation(propagation) ? { propagation } : {}),
    ...(selinux === "z" || selinux === "Z" ? { selinux } : {}),
    ...(idMap === undefined ? {} : { idMap }),
  };
}

function modeGroup(word: string): string | undefined {
  if (word === "ro" || word === "rw") return "access";
  if (word === "z" || word === "Z") return "label";
  if (word === "nocopy") return "copy";
  if (word === "idmap" || word.startsWith("idmap=")) return "owners";
  if (isPropagation(word)) return "propagation";
  const isConsistency = ["consistent", "cached", "delegated", "default"].includes(word);
  return isConsistency ? "consistency" : undefined;
}

/**
 * Reads one entry of `Binds`: `/host:/target`, `name:/target:ro,nocopy`, `/target`.
 *
 * @throws {InvalidArgumentError} With Docker's texts.
 */
export function parseBindSpec(text: string): BindSpec {
  const invalid = (reason?: string): InvalidArgumentError =>
    new InvalidArgumentError(
      `invalid volume specification: '${text.slice(0, 2 * PATH_MAX_LENGTH)}'${reason ? `: ${reason}` : ""}`,
    );
  const parts = text.split(":");
  if (parts.length > 3 || parts.some((part) => part === "")) throw invalid();
  const [first = "", second, third] = parts;
  if (second === undefined) {
    const target = bindTarget(first, "volume", invalid);
    return { type: "volume", source: "", target, readOnly: false, noCopy: false, mode: "" };
  }
  // `/target:ro` has no source
  if (third === undefined && parseMode(second) && !second.startsWith("/")) {
    throw invalid("mount path must be absolute");
  }
  const mode = parseMode(third ?? "");
  if (!mode) throw new InvalidArgumentError(`invalid mode: ${third}`);
  const type = first.startsWith("/") ? "bind" : "volume";
  const target = bindTarget(second, type, invalid);
  if (type === "bind" && mode.noCopy) {
    throw invalid(
      'invalid mount config for type "bind": field VolumeOptions must not be specified',
    );
  }
  if (type === "volume" && mode.propagation) {
    throw invalid(
      'invalid mount config for type "volume": field BindOptions must not be specified',
    );
  }
  const source = type === "bind" ? cleanPath(first) : parseVolumeName(first);
  return { type, source, target, ...mode, mode: third ?? "" };
}

function bindTarget(
  target: string,
  type: "bind" | "volume",
  invalid: (reason: string) => InvalidArgumentError,
): string {
  try {
    return parseMountTarget(target);
  } catch (cause) {
    if (!(cause instanceof InvalidArgumentError)) throw cause;
    throw invalid(`invalid mount config for type "${type}": ${cause.message}`);
  }
}

/** @throws {InvalidArgumentError} With Docker's texts. */
export function parseVolumesFrom(text: string): VolumesFromSpec {
  const colon = text.indexOf(":");
  const container = colon < 0 ? text : text.slice(0, colon);
  const mode = colon < 0 ? "" : text.slice(colon + 1);
  if (text === "")
    throw new InvalidArgumentError("volumes-from specification cannot be an empty string");
  if (container === "") throw new InvalidArgumentError('invalid name or ID supplied: ""');
  const words = parseMode(mode);
  if (!words || words.noCopy || words.propagation || words.idMap !== undefined) {
    throw new InvalidArgumentError(`invalid mode: ${mode}`);
  }
  return { container, mode: mode || "rw", readOnly: words.readOnly };
}

/**
 * Checks the options of one `Tmpfs` entry or of a tmpfs mount.
 *
 * @param refusal Text of the error: Docker has one for each.
 * @throws {InvalidArgumentError} It is none that a tmpfs takes.
 */
export function checkTmpfsOption(name: string, refusal: string): void {
  if (!TMPFS_FLAGS.has(name)) throw new InvalidArgumentError(refusal);
}

function readBindOptions(reader: JsonReader): BindOptions {
  const propagation = reader.string("Propagation", "mount.Propagation");
  if (propagation && !isPropagation(propagation)) {
    throw new InvalidArgumentError(`invalid propagation mode: ${propagation}`);
  }
  const flags = [
    "NonRecursive",
    "CreateMountpoint",
    "ReadOnlyNonRecursive",
    "ReadOnlyForceRecursive",
  ].filter((flag) => reader.boolean(flag));
  if (flags.includes("ReadOnlyNonRecursive") && flags.includes("ReadOnlyForceRecursive")) {
    throw new InvalidArgumentError(
      "mount options conflict: ReadOnlyNonRecursive and ReadOnlyForceRecursive",
    );
  }
  const idMap = reader.string("IdMap");
  if (idMap && idMap !== "container") parseIdMapOption(idMap);
  return {
    ...(propagation && isPropagation(propagation) ? { Propagation: propagation } : {}),
    ...(idMap ? { IdMap: idMap } : {}),
    ...Object.fromEntries(flags.map((flag) => [flag, true])),
  };
}

function checkSubpath(subpath: string): void {
  const clean = cleanPath(subpath);
  if (subpath.startsWith("/") || clean === ".." || clean.startsWith("../")) {
    throw new InvalidArgumentError("subpath must be a relative path within the volume");
  }
}

function readVolumeOptions(reader: JsonReader): VolumeOptions {
  const subpath = reader.string("Subpath");
  if (subpath) checkSubpath(subpath);
  const labels = reader.stringMap("Labels");
  const driver = reader.object("DriverConfig");
  const name = driver?.string("Name");
  const options = driver?.stringMap("Options");
  return {
    ...(reader.boolean("NoCopy") ? { NoCopy: true } : {}),
    ...(labels && { Labels: labels }),
    ...(subpath ? { Subpath: subpath } : {}),
    ...(driver && {
      DriverConfig: { ...(name ? { Name: name } : {}), ...(options && { Options: options }) },
    }),
  };
}

function readTmpfsOptions(reader: JsonReader): TmpfsOptions {
  const sizeBytes = reader.integer("SizeBytes");
  const mode = reader.integer("Mode", "uint32");
  if (sizeBytes !== undefined && sizeBytes < 0) {
    throw new InvalidArgumentError(`invalid tmpfs size: ${sizeBytes}`);
  }
  const options = reader.array("Options", "[][]string")?.map((option, index) => {
    const words = Array.isArray(option) ? option : [];
    const text = words.filter((word): word is string => typeof word === "string");
    if (text.length !== words.length || text.length < 1 || text.length > 2) {
      throw reader.mismatch(option, `Options.${index}`, "[]string");
    }
    checkTmpfsOption(text[0] ?? "", `invalid option: ${text[0] ?? ""}`);
    return text;
  });
  return {
    ...(sizeBytes ? { SizeBytes: sizeBytes } : {}),
    ...(mode ? { Mode: mode } : {}),
    ...(options && { Options: options }),
  };
}

const OPTION_FIELDS: Readonly<Record<MountType, string>> = {
  bind: "BindOptions",
  volume: "VolumeOptions",
  tmpfs: "TmpfsOptions",
  image: "ImageOptions",
};

function isMountType(text: string): text is MountType {
  return Object.hasOwn(OPTION_FIELDS, text);
}

function checkSource(type: MountType, source: string): void {
  if (type === "tmpfs" && source !== "") {
    throw new InvalidArgumentError("field Source must not be specified");
  }
  if ((type === "bind" || type === "image") && source === "") {
    throw new InvalidArgumentError("field Source must not be empty");
  }
  if (type === "bind" && !source.startsWith("/")) {
    throw new InvalidArgumentError(`invalid mount path: '${source}' mount path must be absolute`);
  }
  if (source.includes("\0") || source.length > PATH_MAX_LENGTH) {
    throw new InvalidArgumentError("invalid mount source: it is too long or has a NUL byte");
  }
}

function readTyped(reader: JsonReader, type: MountType): Mount {
  const target = reader.string("Target") ?? "";
  const source = reader.string("Source") ?? "";
  if (target === "") throw new InvalidArgumentError("field Target must not be empty");
  checkTarget(target);
  checkSource(type, source);
  const readOnly = reader.boolean("ReadOnly") ?? false;
  const consistency = reader.string("Consistency", "mount.Consistency");
  const bind = reader.object("BindOptions");
  const volume = reader.object("VolumeOptions");
  const tmpfs = reader.object("TmpfsOptions");
  const image = reader.object("ImageOptions");
  const imageSubpath = image?.string("Subpath");
  if (imageSubpath) checkSubpath(imageSubpath);
  const volumeOptions = volume && readVolumeOptions(volume);
  if (type === "volume" && source === "") {
    if (volumeOptions?.Subpath) {
      throw new InvalidArgumentError("must not set Subpath when using anonymous volumes");
    }
    if (readOnly) {
      throw new InvalidArgumentError("must not set ReadOnly mode when using anonymous volumes");
    }
  }
  return {
    Type: type,
    ...(source ? { Source: source } : {}),
    Target: target,
    ...(readOnly ? { ReadOnly: true } : {}),
    ...(consistency ? { Consistency: consistency } : {}),
    ...(bind && { BindOptions: readBindOptions(bind) }),
    ...(volumeOptions && { VolumeOptions: volumeOptions }),
    ...(image && { ImageOptions: imageSubpath ? { Subpath: imageSubpath } : {} }),
    ...(tmpfs && { TmpfsOptions: readTmpfsOptions(tmpfs) }),
  };
}

/**
 * Reads one entry of `HostConfig.Mounts`. Whether a bind's source exists is not checked here.
 *
 * @throws {InvalidArgumentError} With Docker's texts.
 */
export function readMount(reader: JsonReader): Mount {
  const type = reader.string("Type", "mount.Type") ?? "";
  const fail = (reason: string): InvalidArgumentError =>
    new InvalidArgumentError(`invalid mount config for type ${JSON.stringify(type)}: ${reason}`);
  if (!isMountType(type)) {
    throw fail(reader.string("Target") ? "mount type unknown" : "field Target must not be empty");
  }
  for (const [owner, field] of Object.entries(OPTION_FIELDS)) {
    if (owner !== type && reader.has(field)) {
      throw new InvalidArgumentError(`${field} must not be specified on mount type "${type}"`);
    }
  }
  let mount: Mount;
  try {
    mount = readTyped(reader, type);
  } catch (cause) {
    if (!(cause instanceof InvalidArgumentError) || / json: /.test(cause.message)) throw cause;
    throw fail(cause.message);
  }
  const driver = mount.VolumeOptions?.DriverConfig?.Name ?? "";
  if (type === "volume" && mount.Source && (driver === "" || driver === "local")) {
    parseVolumeName(mount.Source);
  }
  return mount;
}
