import { join } from "node:path";
import { InvalidArgumentError, UnsupportedError } from "#base/errors.ts";
import { fluentdDriver } from "./fluentd/fluentd.ts";
import { gelfDriver } from "./gelf/gelf.ts";
import { journaldDriver } from "./journald/journald.ts";
import { syslogDriver } from "./syslog/syslog.ts";
import type { ShippingParts } from "./wire/parts.ts";
import { ContainerLog, type LogParts, type LogPlan } from "./container-log.ts";
import type { LoggedContainer, LogOptions, Logs, ShippingDriver } from "./logs.ts";
import { ATTRIBUTE_OPTIONS, checkPatterns, chosenAttributes } from "./options/attributes.ts";
import {
  checkNames,
  isCacheDisabled,
  readDelivery,
  withoutCommonOptions,
} from "./options/common.ts";
import { type FileLimits, jsonFileLimits, localLimits } from "./options/files.ts";
import { checkTag, formatTag } from "./options/tag.ts";

const FILE_OPTIONS = ["max-size", "max-file", "compress"] as const;
/** Docker's drivers that this engine does not have: named, so that the refusal is no riddle. */
const LATER = ["awslogs", "etwlogs", "gcplogs", "splunk"];
/** Below this conmon's size cap, the backstop, would drop lines that the daemon has not yet taken over. */
const MIN_CAPTURE_BYTES = 64 * 1024 * 1024;

const KEEPING = ["json-file", "local", "none"] as const;

/** Drivers that send away: those of the engine, and the plugins. */
interface Shipping {
  readonly own: ReadonlyMap<string, ShippingDriver>;
  /** @returns Undefined where no plugin of that name may be a log driver. */
  readonly plugin: (name: string) => ShippingDriver | undefined;
  readonly pluginNames: () => readonly string[];
}

/** A plugin is looked for in a dozen folders: not for what the engine does itself. */
function find(shipping: Shipping, name: string): ShippingDriver | undefined {
  return isKeeping(name) ? undefined : (shipping.own.get(name) ?? shipping.plugin(name));
}

function isKeeping(name: string): boolean {
  return KEEPING.some((keeping) => keeping === name);
}

/** The log drivers that are plugins. */
export type PluginLogDrivers = Pick<Shipping, "plugin" | "pluginNames">;

const NO_PLUGINS: PluginLogDrivers = { plugin: () => undefined, pluginNames: () => [] };

/** Every driver that sends away. */
function shippingDrivers(parts: ShippingParts, plugins: PluginLogDrivers): Shipping {
  const drivers = [
    fluentdDriver(parts),
    gelfDriver(parts),
    journaldDriver(parts),
    syslogDriver(parts),
  ];
  return { ...plugins, own: new Map(drivers.map((driver) => [driver.name, driver])) };
}

export function createLogs(
  parts: LogParts & ShippingParts,
  plugins: PluginLogDrivers = NO_PLUGINS,
): Logs {
  const shipping = shippingDrivers(parts, plugins);
  const logs = new Map<string, ContainerLog>();
  const logOf = (container: LoggedContainer): ContainerLog => {
    const known = logs.get(container.id);
    if (known) return known;
    const log = new ContainerLog(container, planLog(shipping, container), parts);
    logs.set(container.id, log);
    return log;
  };
  return {
    get names() {
      return [...new Set([...namesOf(shipping), ...shipping.pluginNames()])].sort();
    },
    validate: (name, options) => validateOptions(shipping, name, options),
    capture: ({ driver, directory, options }) => {
      if (driver === "none") return { target: "none" };
      const maxBytes = captureBytes(driver, options);
      const target = `k8s-file:${join(directory, "container.log")}`;
      return { target, ...(maxBytes === undefined ? {} : { maxBytes }) };
    },
    filePath: ({ id, directory, driver }) =>
      driver === "json-file" ? jsonPath(id, directory) : "",
    begin: async (container, signal) => {
      if (container.driver === "none") return;
      await logOf(container).begin(container, planLog(shipping, container), signal);
    },
    follow: (container, process) => {
      if (container.driver !== "none") logOf(container).follow(process);
    },
    end: async (container) => {
      if (container.driver !== "none") await logOf(container).end();
    },
    forget: async (id) => {
      const log = logs.get(id);
      logs.delete(id);
      await log?.forget();
    },
    read: (container, request, signal) => logOf(container).read(request, signal),
    [Symbol.asyncDispose]: async () => {
      await Promise.all([...logs.values()].map((log) => log.stop()));
    },
  };
}

function jsonPath(id: string, directory: string): string {
  return `${directory}/${id}-json.log`;
}

function namesOf(shipping: Shipping): readonly string[] {
  return [...KEEPING, ...shipping.own.keys()].sort();
}

/** While no daemon runs conmon keeps about as much as the log does in all. */
function captureBytes(driver: string, options: LogOptions): number | undefined {
  const limits = keptLimits(driver, options);
  if (!limits) return MIN_CAPTURE_BYTES;
  if (limits.maxBytes === undefined) return undefined;
  return Math.max(MIN_CAPTURE_BYTES, limits.maxBytes * limits.maxFiles);
}

function keptLimits(driver: string, options: LogOptions): FileLimits | undefined {
  switch (driver) {
    case "json-file":
      return jsonFileLimits(options);
    case "local":
      return localLimits(options);
    case "none":
      return undefined;
    default:
      return isCacheDisabled(options) ? undefined : localLimits(options, "cache-");
  }
}

function planLog(drivers: Shipping, container: LoggedContainer): LogPlan {
  const { driver, directory, options, id } = container;
  const limits = keptLimits(driver, options);
  const path = {
    "json-file": jsonPath(id, directory),
    local: join(directory, "local.log"),
  }[driver];
  const shipping = find(drivers, driver);
  return {
    ...(limits && { kept: { path: path ?? join(directory, "cached.log"), limits } }),
    attributes: attributesOf(container),
    ...(shipping && { shipping }),
    delivery: shipping?.delivery?.(options) ?? readDelivery(options),
  };
}

/** Of `local` and the cache Docker keeps none. */
function attributesOf(container: LoggedContainer): Readonly<Record<string, string>> {
  if (container.driver !== "json-file") return {};
  const tag = formatTag(container, "");
  return { ...chosenAttributes(container), ...(tag === "" ? {} : { tag }) };
}

function validateOptions(drivers: Shipping, name: string, options: LogOptions): void {
  const shipping = find(drivers, name);
  if (!shipping && !isKeeping(name)) refuseDriver(name, namesOf(drivers));
  if (name === "none") return;
  const own = withoutCommonOptions(options);
  if (shipping) {
    if (!shipping.takesAnyOption) {
      checkNames(name, [...shipping.options, ...ATTRIBUTE_OPTIONS], own);
    }
    shipping.validate(own);
  } else {
    const known = name === "json-file" ? [...FILE_OPTIONS, ...ATTRIBUTE_OPTIONS] : FILE_OPTIONS;
    checkNames(name, known, own);
  }
  keptLimits(name, options);
  checkPatterns(options);
  checkTag(options);
}

function refuseDriver(name: string, names: readonly string[]): never {
  const there = `use ${names.slice(0, -1).join(", ")} or ${names.at(-1)}`;
  if (LATER.includes(name)) {
    throw new UnsupportedError(`log driver ${name} is not supported by this version: ${there}`);
  }
  throw new InvalidArgumentError(`logger: no log driver named '${name}' is registered: ${there}`);
}
