import { InvalidArgumentError, messageOf, UnsupportedError } from "#base/errors.ts";
import { parseBinarySize } from "#base/sizes.ts";
import type { SnapshotDriver } from "./choose-driver.ts";

/** What the daemon's `--storage-opt` sets. */
export interface StorageOptions {
  /** `btrfs.min_space`, in bytes. */
  readonly minSpaceBytes: number;
  /** One sentence for each option without effect. */
  readonly warnings: readonly string[];
}

const NO_QUOTA = "Filesystem does not support, or has not enabled quotas";

/**
 * @param options `overlay2.size=10G`, as on the command line.
 * @throws {InvalidArgumentError} Malformed, or none of this driver's. {UnsupportedError} A size where none
 *   can be kept, in Docker's words.
 */
export function parseStorageOptions(
  driver: SnapshotDriver,
  options: readonly string[],
): StorageOptions {
  let minSpaceBytes = 0;
  const warnings: string[] = [];
  for (const option of options) {
    const equals = option.indexOf("=");
    if (equals < 0) throw new InvalidArgumentError(`unable to parse storage-opt option: ${option}`);
    const name = option.slice(0, equals).trim().toLowerCase();
    const value = option.slice(equals + 1).trim();
    switch (`${driver} ${name}`) {
      case "overlay2 overlay2.override_kernel_check":
        if (!/^(?:1|t|true|0|f|false)$/i.test(value)) {
          throw new InvalidArgumentError(
            `invalid ${name} ${JSON.stringify(value)}: want true or false`,
          );
        }
        warnings.push(`The setting ${name} has no effect: every kernel that Wharf runs on will do`);
        break;
      case "overlay2 overlay2.size":
        if (parseSize(value) > 0) {
          throw new UnsupportedError(
            `Storage option overlay2.size not supported. Filesystem does not support Project Quota: ${NO_QUOTA}`,
          );
        }
        break;
      case "vfs size":
        if (parseSize(value) > 0) throw new UnsupportedError(NO_QUOTA);
        break;
      case "btrfs btrfs.min_space":
        minSpaceBytes = parseSize(value);
        break;
      default:
        throw new InvalidArgumentError(`${driver}: unknown option ${name}`);
    }
  }
  return { minSpaceBytes, warnings };
}

function parseSize(text: string): number {
  try {
    return parseBinarySize(text);
  } catch (cause) {
    throw new InvalidArgumentError(messageOf(cause), { cause });
  }
}
