import { InvalidArgumentError } from "#base/errors.ts";
import type { Flag } from "#cli/command/flags.ts";
import type { ContainerConfig } from "#spec/engine-api/container-config.ts";
import type { HostConfig } from "#spec/engine-api/host-config.ts";

/** The flags of a group, given the names and types of their values. */
export type FlagsOf<Values> = { readonly [Name in keyof Values]: Flag<Values[Name]> };

/** A part of the request's `Config`, in the wire's names. The engine checks the values. */
export type ConfigFields = { readonly [Name in keyof ContainerConfig]?: unknown };

/** A part of the request's `HostConfig`, in the wire's names. */
export type HostFields = { readonly [Name in keyof HostConfig]?: unknown };

/** What a group of flags asks for. */
export interface RequestFields {
  readonly config?: ConfigFields;
  readonly host?: HostFields;
}

/** What planning needs of the client's surroundings; the only way that it reads files. */
export interface ClientSurroundings {
  /**
   * @throws {NotFoundError} In docker's words, when it cannot be opened.
   * @throws {InvalidArgumentError} When it can be opened and not read: a folder.
   */
  readText(path: string): string;
  /** Turns `./x` and `..` into an absolute path, links followed where it exists. */
  absolutePath(relative: string): string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** True when the flag stood on the command line. */
  isSet(flag: string): boolean;
}

/** Each `key=value`; the last of a key wins, and a missing `=` means an empty value. */
export function keyValueMap(pairs: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const equals = pair.indexOf("=");
      return equals < 0 ? [pair, ""] : [pair.slice(0, equals), pair.slice(equals + 1)];
    }),
  );
}

/** The list, or nothing where the flag was not given: what the wire calls `null`. */
export function listOrNothing(values: readonly string[]): readonly string[] | undefined {
  return values.length > 0 ? values : undefined;
}

/** `-1` or a decimal number, as Go's `strconv.ParseInt` takes it. */
export function parseDecimal(text: string): number {
  const value = Number(text);
  if (!/^[+-]?[0-9]+$/.test(text)) {
    throw new InvalidArgumentError(
      `strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`,
    );
  }
  if (!Number.isSafeInteger(value)) {
    throw new InvalidArgumentError(
      `strconv.ParseInt: parsing ${JSON.stringify(text)}: value out of range`,
    );
  }
  return value;
}
