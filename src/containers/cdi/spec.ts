import { InvalidArgumentError, messageOf } from "#base/errors.ts";
import { JsonReader } from "#base/json-reader.ts";
import type { Hooks } from "#spec/oci-runtime.ts";
import { isDeviceName, parseKind } from "./device-name.ts";

/** A device node; what is absent is as at `hostPath`. */
export interface CdiDeviceNode {
  /** In the container. */
  readonly path: string;
  readonly hostPath?: string;
  readonly type?: "b" | "c" | "u" | "p";
  readonly major?: number;
  readonly minor?: number;
  readonly fileMode?: number;
  /** Any of `r`, `w`, `m`; all when absent. */
  readonly permissions?: string;
  readonly uid?: number;
  readonly gid?: number;
}

export interface CdiMount {
  readonly hostPath: string;
  readonly containerPath: string;
  readonly type?: string;
  readonly options: readonly string[];
}

export interface CdiHook {
  readonly hookName: keyof Hooks;
  readonly path: string;
  readonly args: readonly string[];
  readonly env: readonly string[];
  /** Seconds. */
  readonly timeout?: number;
}

/** What is changed of a container's config.json. */
export interface CdiEdits {
  /** `NAME=value`. */
  readonly env: readonly string[];
  readonly deviceNodes: readonly CdiDeviceNode[];
  readonly mounts: readonly CdiMount[];
  readonly hooks: readonly CdiHook[];
  readonly additionalGids: readonly number[];
}

export interface CdiDevice {
  readonly name: string;
  readonly edits: CdiEdits;
}

/** One file of a vendor. */
export interface CdiSpec {
  /** `vendor.com/class`. */
  readonly kind: string;
  readonly devices: readonly CdiDevice[];
  /** For a container that has any of the devices, once. */
  readonly edits: CdiEdits;
}

const HOOKS: readonly (keyof Hooks)[] = [
  "prestart",
  "createRuntime",
  "createContainer",
  "startContainer",
  "poststart",
  "poststop",
];
const NODE_TYPES = ["b", "c", "u", "p"] as const;
const MAX_ITEMS = 10_000;
/** Later minor versions add fields; what we do not know of them is refused by name. */
const VERSION = /^v?(?:0\.[3-9]|1\.\d+)\.\d+$/;
/** Edits of the format that neither runtime of ours is given. */
const UNSUPPORTED = ["intelRdt", "netDevices"] as const;

/**
 * Reads the text of a file.
 *
 * @throws {InvalidArgumentError} Why it is none.
 */
export function parseCdiSpec(text: string, format: "json" | "yaml"): CdiSpec {
  const reader = JsonReader.of(parseText(text, format), { goType: "Spec", maxItems: MAX_ITEMS });
  const version = reader.string("cdiVersion") ?? "";
  if (!VERSION.test(version)) {
    throw new InvalidArgumentError(`unsupported cdiVersion ${JSON.stringify(version)}`);
  }
  const kind = reader.string("kind") ?? "";
  parseKind(kind);
  const devices = (reader.objects("devices") ?? []).map(readDevice);
  if (devices.length === 0) throw new InvalidArgumentError("it has no devices");
  const names = new Set<string>();
  for (const { name } of devices) {
    if (names.has(name)) throw new InvalidArgumentError(`device ${name} is there twice`);
    names.add(name);
  }
  return { kind, devices, edits: readEdits(reader.object("containerEdits")) };
}

function parseText(text: string, format: "json" | "yaml"): unknown {
  try {
    if (format === "json") return JSON.parse(text);
    // the vendors' tools write Go's YAML, where a leading zero means octal
    return Bun.YAML.parse(text.replaceAll(/(\bfileMode:\s*)0([0-7]+)\b/g, "$10o$2"));
  } catch (error) {
    throw new InvalidArgumentError(`it is no ${format.toUpperCase()}: ${messageOf(error)}`);
  }
}

function readDevice(reader: JsonReader): CdiDevice {
  const name = reader.string("name") ?? "";
  if (!isDeviceName(name)) {
    throw new InvalidArgumentError(`invalid device name ${JSON.stringify(name)}`);
  }
  return { name, edits: readEdits(reader.object("containerEdits")) };
}

function readEdits(reader: JsonReader | undefined): CdiEdits {
  for (const field of UNSUPPORTED) {
    if (reader?.has(field)) throw new InvalidArgumentError(`${field} is not supported`);
  }
  const env = reader?.strings("env") ?? [];
  for (const variable of env) {
    if (!/^[^=\0]+=[^\0]*$/.test(variable)) {
      throw new InvalidArgumentError(`invalid environment variable ${JSON.stringify(variable)}`);
    }
  }
  return {
    env,
    deviceNodes: (reader?.objects("deviceNodes") ?? []).map(readNode),
    mounts: (reader?.objects("mounts") ?? []).map(readMount),
    hooks: (reader?.objects("hooks") ?? []).map(readHook),
    additionalGids: readGids(reader),
  };
}

function readGids(reader: JsonReader | undefined): readonly number[] {
  return (reader?.array("additionalGids", "[]uint32") ?? []).map((gid) => {
    if (typeof gid !== "number" || !Number.isInteger(gid) || gid < 0) {
      throw new InvalidArgumentError(`invalid group ${JSON.stringify(gid)}`);
    }
    return gid;
  });
}

function absolute(reader: JsonReader, key: string): string {
  const path = reader.string(key) ?? "";
  if (!path.startsWith("/") || path.includes("\0")) {
    throw new InvalidArgumentError(`${key} ${JSON.stringify(path)} is no absolute path`);
  }
  return path;
}

function readNode(reader: JsonReader): CdiDeviceNode {
  const typeText = reader.string("type") || undefined;
  const type = NODE_TYPES.find((each) => each === typeText);
  if (typeText !== undefined && type === undefined) {
    throw new InvalidArgumentError(`invalid type of device node ${JSON.stringify(typeText)}`);
  }
  const permissions = reader.string("permissions") || undefined;
  if (permissions !== undefined && !/^[rwm]{1,3}$/.test(permissions)) {
    throw new InvalidArgumentError(`invalid permissions ${JSON.stringify(permissions)}`);
  }
  const numbers = Object.fromEntries(
    (["major", "minor", "fileMode", "uid", "gid"] as const).flatMap((key) => {
      const value = reader.integer(key, key === "major" || key === "minor" ? "int64" : "uint32");
      return value === undefined ? [] : [[key, value] as const];
    }),
  );
  return {
    path: absolute(reader, "path"),
    ...(reader.has("hostPath") ? { hostPath: absolute(reader, "hostPath") } : {}),
    ...(type === undefined ? {} : { type }),
    ...(permissions === undefined ? {} : { permissions }),
    ...numbers,
  };
}

function readMount(reader: JsonReader): CdiMount {
  const type = reader.string("type") || undefined;
  const isBind = type === undefined || type === "bind" || type === "none";
  return {
    // the source of a tmpfs is a mere word
    hostPath: isBind ? absolute(reader, "hostPath") : (reader.string("hostPath") ?? type),
    containerPath: absolute(reader, "containerPath"),
    options: reader.strings("options") ?? [],
    ...(type === undefined ? {} : { type }),
  };
}

function readHook(reader: JsonReader): CdiHook {
  const text = reader.string("hookName") ?? "";
  const hookName = HOOKS.find((name) => name === text);
  if (hookName === undefined) {
    throw new InvalidArgumentError(`invalid hookName ${JSON.stringify(text)}`);
  }
  const timeout = reader.integer("timeout");
  return {
    hookName,
    path: absolute(reader, "path"),
    args: reader.strings("args") ?? [],
    env: reader.strings("env") ?? [],
    ...(timeout === undefined ? {} : { timeout }),
  };
}
