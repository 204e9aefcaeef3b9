import { InvalidArgumentError } from "#base/errors.ts";
import { parseBinarySize } from "#base/sizes.ts";
import { type Flag, customFlag, intFlag } from "#cli/command/flags.ts";
import type { ThrottleDevice, WeightDevice } from "#spec/engine-api/host-config.ts";
import type { FlagsOf, RequestFields } from "./fields.ts";

/** Shares and limits of block devices; rates in bytes or operations a second. */
export interface BlockIoValues {
  readonly "blkio-weight": number;
  readonly "blkio-weight-device": readonly WeightDevice[];
  readonly "device-read-bps": readonly ThrottleDevice[];
  readonly "device-read-iops": readonly ThrottleDevice[];
  readonly "device-write-bps": readonly ThrottleDevice[];
  readonly "device-write-iops": readonly ThrottleDevice[];
}

export const blockIoFlags: FlagsOf<BlockIoValues> = {
  "blkio-weight": intFlag(
    "Block IO (relative weight), between 10 and 1000, or 0 to disable (default 0)",
    { type: "uint16" },
  ),
  "blkio-weight-device": deviceListFlag(
    "Block IO weight (relative device weight)",
    parseWeightDevice,
  ),
  "device-read-bps": deviceListFlag(
    "Limit read rate (bytes per second) from a device",
    parseByteRate,
  ),
  "device-read-iops": deviceListFlag(
    "Limit read rate (IO per second) from a device",
    parseOperationRate,
  ),
  "device-write-bps": deviceListFlag(
    "Limit write rate (bytes per second) to a device",
    parseByteRate,
  ),
  "device-write-iops": deviceListFlag(
    "Limit write rate (IO per second) to a device",
    parseOperationRate,
  ),
};

function deviceListFlag<Device>(
  help: string,
  parse: (text: string) => Device,
): Flag<readonly Device[]> {
  return customFlag<readonly Device[]>("list", help, "[]", [], (text, before) => [
    ...before,
    parse(text),
  ]);
}

function splitDevice(text: string): { readonly path: string; readonly value: string } {
  const colon = text.indexOf(":");
  if (colon <= 0) throw new InvalidArgumentError(`bad format: ${text}`);
  const path = text.slice(0, colon);
  if (!path.startsWith("/dev/")) {
    throw new InvalidArgumentError(`bad format for device path: ${text}`);
  }
  return { path, value: text.slice(colon + 1) };
}

function parseWeightDevice(text: string): WeightDevice {
  const { path, value } = splitDevice(text);
  const weight = Number(value);
  if (!/^[0-9]+$/.test(value) || (weight !== 0 && (weight < 10 || weight > 1000))) {
    throw new InvalidArgumentError(`invalid weight for device: ${text}`);
  }
  return { Path: path, Weight: weight };
}

function parseByteRate(text: string): ThrottleDevice {
  const { path, value } = splitDevice(text);
  try {
    return { Path: path, Rate: parseBinarySize(value) };
  } catch (cause) {
    throw new InvalidArgumentError(
      `invalid rate for device: ${text}. The correct format is <device-path>:<number>[<unit>]. Number must be a positive integer. Unit is optional and can be kb, mb, or gb`,
      { cause },
    );
  }
}

function parseOperationRate(text: string): ThrottleDevice {
  const { path, value } = splitDevice(text);
  if (!/^[0-9]+$/.test(value) || !Number.isSafeInteger(Number(value))) {
    throw new InvalidArgumentError(
      `invalid rate for device: ${text}. The correct format is <device-path>:<number>. Number must be a positive integer`,
    );
  }
  return { Path: path, Rate: Number(value) };
}

export function planBlockIo(values: BlockIoValues): RequestFields {
  return {
    host: {
      BlkioWeight: values["blkio-weight"],
      BlkioWeightDevice: values["blkio-weight-device"],
      BlkioDeviceReadBps: values["device-read-bps"],
      BlkioDeviceReadIOps: values["device-read-iops"],
      BlkioDeviceWriteBps: values["device-write-bps"],
      BlkioDeviceWriteIOps: values["device-write-iops"],
    },
  };
}
