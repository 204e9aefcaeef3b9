import { InvalidArgumentError } from "#base/errors.ts";
import { JsonReader } from "#base/json-reader.ts";
import { parseJson } from "#base/json.ts";

export interface PluginMount {
  readonly Name: string;
  readonly Description: string;
  readonly Settable: readonly string[] | null;
  readonly Source: string;
  readonly Destination: string;
  readonly Type: string;
  readonly Options: readonly string[] | null;
}

export interface PluginDevice {
  readonly Name: string;
  readonly Description: string;
  readonly Settable: readonly string[] | null;
  readonly Path: string;
}

export interface PluginEnvironment {
  readonly Name: string;
  readonly Description: string;
  readonly Settable: readonly string[] | null;
  readonly Value: string;
}

/** A plugin's `config.json`, in the API's shape. */
export interface PluginConfig {
  readonly Description: string;
  readonly Documentation: string;
  readonly Interface: {
    readonly Types: readonly string[];
    /** File name of the socket in /run/docker/plugins. */
    readonly Socket: string;
    readonly ProtocolScheme?: string;
  };
  readonly Entrypoint: readonly string[];
  readonly WorkDir: string;
  readonly User: { readonly UID?: number; readonly GID?: number };
  /** Empty: a network of its own, with a loopback alone; anything else is the host's. */
  readonly Network: { readonly Type: string };
  readonly Linux: {
    readonly Capabilities: readonly string[] | null;
    readonly AllowAllDevices: boolean;
    readonly Devices: readonly PluginDevice[] | null;
  };
  readonly PropagatedMount: string;
  readonly IpcHost: boolean;
  readonly PidHost: boolean;
  readonly Mounts: readonly PluginMount[] | null;
  readonly Env: readonly PluginEnvironment[] | null;
  readonly Args: {
    readonly Name: string;
    readonly Description: string;
    readonly Settable: readonly string[] | null;
    readonly Value: readonly string[] | null;
  };
}

const CONFIG_MAX_LENGTH = 1024 * 1024;

/**
 * Reads a plugin's `config.json`.
 *
 * @throws {InvalidArgumentError} It is none, or cannot be run.
 * @see Docker Engine, "Plugin Config Version 1 of Plugin V2".
 */
export function parsePluginConfig(text: string): PluginConfig {
  const prefix = "failed to parse plugin config: ";
  let value: unknown;
  try {
    value = parseJson(text, { maxLength: CONFIG_MAX_LENGTH });
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error;
    throw new InvalidArgumentError(prefix + error.message, { cause: error });
  }
  const reader = JsonReader.of(value, { prefix, goType: "types.PluginConfig" });
  const config = readConfig(reader);
  checkConfig(config);
  return config;
}

function checkConfig({ Entrypoint, Interface, PropagatedMount }: PluginConfig): void {
  const refuse = (why: string): never => {
    throw new InvalidArgumentError(`invalid plugin config: ${why}`);
  };
  if (Entrypoint.length === 0) refuse("Entrypoint is empty");
  if (!/^[^/\0]+$/.test(Interface.Socket) || [".", ".."].includes(Interface.Socket)) {
    refuse(`Interface.Socket ${JSON.stringify(Interface.Socket)} is no file name`);
  }
  const scheme = Interface.ProtocolScheme ?? "";
  if (scheme !== "" && scheme !== "moby.plugins.http/v1") {
    refuse(`protocol ${JSON.stringify(scheme)} is unknown`);
  }
  if (PropagatedMount !== "" && !PropagatedMount.startsWith("/")) {
    refuse(`PropagatedMount ${JSON.stringify(PropagatedMount)} is no absolute path`);
  }
}

function readConfig(reader: JsonReader): PluginConfig {
  const surface = reader.object("Interface");
  const user = reader.object("User");
  const linux = reader.object("Linux");
  const args = reader.object("Args");
  const scheme = surface?.string("ProtocolScheme");
  const userId = user?.integer("UID", "uint32");
  const groupId = user?.integer("GID", "uint32");
  return {
    Description: reader.string("Description") ?? "",
    Documentation: reader.string("Documentation") ?? "",
    Interface: {
      Types: surface?.strings("Types") ?? [],
      Socket: surface?.string("Socket") ?? "",
      ...(scheme ? { ProtocolScheme: scheme } : {}),
    },
    Entrypoint: reader.strings("Entrypoint") ?? [],
    WorkDir: reader.string("WorkDir") ?? "",
    User: { ...(userId ? { UID: userId } : {}), ...(groupId ? { GID: groupId } : {}) },
    Network: { Type: reader.object("Network")?.string("Type") ?? "" },
    Linux: {
      Capabilities: linux?.strings("Capabilities") ?? null,
      AllowAllDevices: linux?.boolean("AllowAllDevices") ?? false,
      Devices: linux?.objects("Devices")?.map(readDevice) ?? null,
    },
    PropagatedMount: reader.string("PropagatedMount") ?? "",
    IpcHost: reader.boolean("IpcHost") ?? false,
    PidHost: reader.boolean("PidHost") ?? false,
    Mounts: reader.objects("Mounts")?.map(readMount) ?? null,
    Env: reader.objects("Env")?.map(readEnvironment) ?? null,
    Args: {
      Name: args?.string("Name") ?? "",
      Description: args?.string("Description") ?? "",
      Settable: args?.strings("Settable") ?? null,
      Value: args?.strings("Value") ?? null,
    },
  };
}

interface Named {
  readonly Name: string;
  readonly Description: string;
  readonly Settable: readonly string[] | null;
}

function readNamed(reader: JsonReader): Named {
  return {
    Name: reader.string("Name") ?? "",
    Description: reader.string("Description") ?? "",
    Settable: reader.strings("Settable") ?? null,
  };
}

function readDevice(reader: JsonReader): PluginDevice {
  return { ...readNamed(reader), Path: reader.string("Path") ?? "" };
}

function readMount(reader: JsonReader): PluginMount {
  return {
    ...readNamed(reader),
    Source: reader.string("Source") ?? "",
    Destination: reader.string("Destination") ?? "",
    Type: reader.string("Type") ?? "",
    Options: reader.strings("Options") ?? null,
  };
}

function readEnvironment(reader: JsonReader): PluginEnvironment {
  return { ...readNamed(reader), Value: reader.string("Value") ?? "" };
}
