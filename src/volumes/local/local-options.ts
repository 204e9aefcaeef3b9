import { InvalidArgumentError, UnsupportedError } from "#base/errors.ts";

/** What the local driver mounts on a volume's folder before a container uses it. */
export interface LocalMount {
  readonly type: string;
  readonly device: string;
  /** Options as mount(8) takes them. */
  readonly options: readonly string[];
}

const KNOWN = new Set(["type", "o", "device", "size"]);
const NETWORK_TYPES = new Set(["nfs", "nfs4", "cifs", "smb3"]);

/**
 * Reads the options of the local driver; undefined for a plain folder.
 *
 * @throws {InvalidArgumentError} With Docker's texts. {UnsupportedError} For `size`, a quota.
 */
export function parseLocalOptions(
  name: string,
  options: Readonly<Record<string, string>>,
): LocalMount | undefined {
  const keys = Object.keys(options);
  for (const key of keys) {
    if (!KNOWN.has(key)) {
      throw new InvalidArgumentError(`create ${name}: invalid option: ${JSON.stringify(key)}`);
    }
  }
  if (options["size"] !== undefined) {
    throw new UnsupportedError(
      `create ${name}: quota size requested but no quota support; ` +
        "for a tmpfs volume give the size in o=size=…",
    );
  }
  if (keys.length === 0) return undefined;
  for (const key of ["device", "type"]) {
    if (!options[key]) {
      throw new InvalidArgumentError(`create ${name}: missing required option: "${key}"`);
    }
  }
  return {
    type: options["type"] ?? "",
    device: options["device"] ?? "",
    options: (options["o"] ?? "").split(",").filter((option) => option !== ""),
  };
}

/** The host name of `addr=` that the kernel wants resolved before a network file system is mounted. */
export function serverNameOf(mount: LocalMount): string | undefined {
  if (!NETWORK_TYPES.has(mount.type)) return undefined;
  return mount.options.find((option) => option.startsWith("addr="))?.slice("addr=".length);
}

/** The mount with the server's address in the place of its name. */
export function withServerAddress(mount: LocalMount, address: string): LocalMount {
  return {
    ...mount,
    options: mount.options.map((option) =>
      option.startsWith("addr=") ? `addr=${address}` : option,
    ),
  };
}
