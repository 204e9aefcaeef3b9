import { FailedPreconditionError, InvalidArgumentError } from "#base/errors.ts";
import type { PluginConfig, PluginDevice, PluginMount } from "./plugin-config.ts";

/** What a user may have set, in the API's shape. */
export interface PluginSettings {
  readonly Mounts: readonly PluginMount[];
  /** `NAME=VALUE` */
  readonly Env: readonly string[];
  readonly Args: readonly string[];
  readonly Devices: readonly PluginDevice[];
}

export function defaultSettings(config: PluginConfig): PluginSettings {
  return {
    Mounts: config.Mounts ?? [],
    Env: (config.Env ?? []).map(({ Name, Value }) => `${Name}=${Value}`),
    Args: config.Args.Value ?? [],
    Devices: config.Linux.Devices ?? [],
  };
}

/** Settings of an upgraded plugin: what was set before stays where the new configuration still has it. */
export function carriedSettings(config: PluginConfig, before: PluginSettings): PluginSettings {
  const fresh = defaultSettings(config);
  const nameOf = (text: string): string => text.slice(0, text.indexOf("="));
  return {
    Mounts: fresh.Mounts.map((mount) => {
      const old = before.Mounts.find((one) => one.Name === mount.Name);
      return old && mount.Settable?.includes("source") ? { ...mount, Source: old.Source } : mount;
    }),
    Env: fresh.Env.map((text) => {
      const settable = config.Env?.find((one) => one.Name === nameOf(text))?.Settable;
      const old = before.Env.find((one) => nameOf(one) === nameOf(text));
      return old !== undefined && settable?.includes("value") ? old : text;
    }),
    Args: config.Args.Settable?.includes("value") ? before.Args : fresh.Args,
    Devices: fresh.Devices.map((device) => {
      const old = before.Devices.find((one) => one.Name === device.Name);
      return old && device.Settable?.includes("path") ? { ...device, Path: old.Path } : device;
    }),
  };
}

interface Setting {
  readonly name: string;
  /** After the last dot: `source` of `data.source`. */
  readonly field: string;
  readonly value: string;
  readonly text: string;
}

/** @throws {InvalidArgumentError} Not `NAME[.FIELD]=VALUE`, with Docker's text. */
function parseSetting(text: string): Setting {
  const equals = text.indexOf("=");
  const key = equals < 0 ? text : text.slice(0, equals);
  const value = equals < 0 ? "" : text.slice(equals + 1);
  const dot = key.lastIndexOf(".");
  const name = dot < 0 ? key : key.slice(0, dot);
  if (name === "") {
    throw new InvalidArgumentError(`could not parse setting: ${JSON.stringify(text)}`);
  }
  return { name, field: dot < 0 ? "" : key.slice(dot + 1), value, text: key };
}

/**
 * What `plugin set` leaves: `WORD=x` and `args=a b` set values, `data.source=/x` a mount's source, `fuse.path=/dev/x`
 * a device.
 *
 * @throws {FailedPreconditionError} Unknown or not settable, with Docker's texts; nothing is set then.
 */
export function applySettings(
  config: PluginConfig,
  before: PluginSettings,
  texts: readonly string[],
): PluginSettings {
  return texts.map(parseSetting).reduce((settings, one) => applyOne(config, settings, one), before);
}

function applyOne(
  config: PluginConfig,
  settings: PluginSettings,
  setting: Setting,
): PluginSettings {
  const { name, value } = setting;
  const variable = (config.Env ?? []).find((one) => one.Name === name);
  if (variable) {
    checkSettable(setting, "value", variable.Settable);
    const others = settings.Env.filter((text) => !text.startsWith(`${name}=`));
    return { ...settings, Env: [...others, `${name}=${value}`] };
  }
  if (settings.Mounts.some((mount) => mount.Name === name)) {
    const Mounts = settings.Mounts.map((mount) => {
      if (mount.Name !== name) return mount;
      checkSettable(setting, "source", mount.Settable);
      return { ...mount, Source: value };
    });
    return { ...settings, Mounts };
  }
  if (settings.Devices.some((device) => device.Name === name)) {
    const Devices = settings.Devices.map((device) => {
      if (device.Name !== name) return device;
      checkSettable(setting, "path", device.Settable);
      return { ...device, Path: value };
    });
    return { ...settings, Devices };
  }
  if (config.Args.Name === name) {
    checkSettable(setting, "value", config.Args.Settable);
    return { ...settings, Args: value.split(" ").filter((word) => word !== "") };
  }
  throw new FailedPreconditionError(
    `setting ${JSON.stringify(name)} not found in the plugin configuration`,
  );
}

function checkSettable(
  { field, text }: Setting,
  only: string,
  settable: readonly string[] | null,
): void {
  const isKnown = field === "" || field === only;
  if (isKnown && (settable ?? []).includes(only)) return;
  throw new FailedPreconditionError(`${JSON.stringify(text)} is not settable`);
}
