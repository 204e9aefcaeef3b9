import { InvalidArgumentError } from "#base/errors.ts";
import { cleanPath } from "#base/posix-path.ts";
import { customFlag, listFlag, splitCsvLine } from "#cli/command/flags.ts";
import type { DeviceMapping } from "#spec/engine-api/host-config.ts";
import { type FlagsOf, type RequestFields, keyValueMap, listOrNothing } from "./fields.ts";

/** One `--gpus`, in the wire's names. */
export interface GpuRequest {
  readonly Driver: string;
  /** -1 is all. */
  readonly Count: number;
  readonly DeviceIDs?: readonly string[];
  readonly Capabilities: readonly (readonly string[])[];
  readonly Options: Readonly<Record<string, string>>;
}

/** The host's devices that the container may use. */
export interface DeviceValues {
  readonly device: readonly string[];
  readonly "device-cgroup-rule": readonly string[];
  readonly gpus: readonly GpuRequest[];
}

export const deviceFlags: FlagsOf<DeviceValues> = {
  device: listFlag("Add a host device to the container"),
  "device-cgroup-rule": listFlag("Add a rule to the cgroup allowed devices list", {
    parseElement(text) {
      if (/^[acb] (?:[0-9]+|\*):(?:[0-9]+|\*) [rwm]{1,3}$/.test(text)) return text;
      throw new InvalidArgumentError(`invalid device cgroup format '${text}'`);
    },
  }),
  gpus: customFlag<readonly GpuRequest[]>(
    "gpu-request",
    "GPU devices to add to the container ('all' to pass all GPUs)",
    "",
    [],
    (text, before) => [...before, parseGpuRequest(text)],
  ),
};

function parseGpuRequest(text: string): GpuRequest {
  const fields = new Map<string, string>();
  for (const field of splitCsvLine(text)) {
    const equals = field.indexOf("=");
    const key = equals < 0 ? field : field.slice(0, equals);
    if (fields.has(key)) {
      throw new InvalidArgumentError(`gpu request key '${key}' can be specified only once`);
    }
    if (equals < 0) {
      parseGpuCount(field);
      fields.set("count", field);
      continue;
    }
    if (!["driver", "count", "device", "capabilities", "options"].includes(key)) {
      throw new InvalidArgumentError(`unexpected key '${key}' in '${field}'`);
    }
    fields.set(key, field.slice(equals + 1));
  }
  const [count, device] = [fields.get("count"), fields.get("device")];
  const capabilities = fields.get("capabilities")?.split(",") ?? [];
  return {
    Driver: fields.get("driver") ?? "",
    Count: count === undefined ? (device === undefined ? 1 : 0) : parseGpuCount(count),
    ...(device === undefined ? {} : { DeviceIDs: device.split(",") }),
    Capabilities: [[...capabilities, "gpu"]],
    Options: keyValueMap(splitOptions(fields.get("options"))),
  };
}

function splitOptions(text: string | undefined): readonly string[] {
  return text === undefined ? [] : splitCsvLine(text);
}

function parseGpuCount(text: string): number {
  if (text === "all") return -1;
  if (/^[+-]?[0-9]+$/.test(text)) return Number(text);
  throw new InvalidArgumentError(
    `invalid count (${text}): value must be either "all" or an integer: invalid syntax`,
  );
}

/** @throws {InvalidArgumentError} When a device's path or permissions are malformed. */
export function planDevices(values: DeviceValues): RequestFields {
  const named = values.device.filter(isQualifiedName);
  const paths = values.device.filter((text) => !isQualifiedName(text));
  const requests = [...values.gpus, ...(named.length > 0 ? [cdiRequest(named)] : [])];
  return {
    host: {
      Devices: paths.map(parseDevice),
      DeviceCgroupRules: listOrNothing(values["device-cgroup-rule"]),
      DeviceRequests: requests.length > 0 ? requests : undefined,
    },
  };
}

/** `vendor.com/class=name`, a device of the Container Device Interface. */
function isQualifiedName(text: string): boolean {
  return /^[A-Za-z][A-Za-z0-9_.-]*\/[A-Za-z][A-Za-z0-9_-]*=[A-Za-z0-9][A-Za-z0-9_.:-]*$/.test(text);
}

/** As docker sends it. */
function cdiRequest(names: readonly string[]): object {
  return { Driver: "cdi", Count: 0, DeviceIDs: names, Capabilities: null, Options: null };
}

function isDeviceMode(text: string): boolean {
  return /^(?!.*(.).*\1)[rwm]+$/.test(text);
}

/** `HOST[:CONTAINER][:rwm]`. */
function parseDevice(text: string): DeviceMapping {
  const parts = text.split(":");
  const [host = "", second, third] = parts;
  if (parts.length > 3 || host === "") {
    throw new InvalidArgumentError(`bad format for path: ${text}`);
  }
  if (third !== undefined && !isDeviceMode(third)) {
    throw new InvalidArgumentError(`bad mode specified: ${third}`);
  }
  const isModeOnly = second !== undefined && third === undefined && isDeviceMode(second);
  const target = second === undefined || isModeOnly ? undefined : second;
  const permissions = third ?? (isModeOnly ? second : undefined) ?? "rwm";
  const inside = target ?? host;
  if (!inside.startsWith("/")) {
    throw new InvalidArgumentError(`${inside} is not an absolute path`);
  }
  return {
    PathOnHost: target === undefined ? cleanPath(host) : host,
    PathInContainer: third === undefined ? cleanPath(inside) : inside,
    CgroupPermissions: permissions,
  };
}
