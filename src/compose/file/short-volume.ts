import { InvalidArgumentError } from "#base/errors.ts";

/** A mount as the long form has it; absent is what the short form does not say. */
export interface ShortVolume {
  readonly type: "bind" | "volume";
  readonly source?: string;
  readonly target: string;
  readonly isReadOnly?: boolean;
  readonly selinux?: "z" | "Z";
  readonly propagation?: string;
  readonly consistency?: string;
  readonly isNoCopy?: boolean;
}

const PROPAGATIONS = new Set(["rprivate", "private", "rshared", "shared", "rslave", "slave"]);
const CONSISTENCIES = new Set(["consistent", "cached", "delegated"]);

/**
 * `[SOURCE:]TARGET[:OPTIONS]`; a source that begins with `.`, `/` or `~` is a path.
 *
 * @throws {InvalidArgumentError} It has no target or too many parts.
 */
export function parseVolume(text: string): ShortVolume {
  const refuse = (why: string): never => {
    throw new InvalidArgumentError(`invalid spec: ${text}: ${why}`);
  };
  if (text === "") return refuse("empty volume spec");
  const parts = text.split(":");
  if (parts.some((part) => part === "")) return refuse("empty section between colons");
  const [first = "", second, options] = parts;
  if (parts.length > 3) return refuse("too many colons");
  if (second === undefined) return { type: "volume", target: first };
  const type = /^[./~]/.test(first) ? "bind" : "volume";
  const base: ShortVolume = { type, source: first, target: second };
  if (options === undefined) return base;
  return { ...base, ...readOptions(options) };
}

function readOptions(options: string): Partial<ShortVolume> {
  let read: Partial<ShortVolume> = {};
  for (const option of options.split(",")) {
    if (option === "ro") read = { ...read, isReadOnly: true };
    else if (option === "rw") read = { ...read, isReadOnly: false };
    else if (option === "nocopy") read = { ...read, isNoCopy: true };
    else if (option === "z" || option === "Z") read = { ...read, selinux: option };
    else if (PROPAGATIONS.has(option)) read = { ...read, propagation: option };
    else if (CONSISTENCIES.has(option)) read = { ...read, consistency: option };
  }
  return read;
}
