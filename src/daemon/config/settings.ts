import { InvalidArgumentError } from "#base/errors.ts";
import { isIpAddress } from "#base/ip-address.ts";
import { DAEMON_OPTIONS, type DaemonOption } from "./options.ts";
import type { OptionValue } from "./option-values.ts";
import type { OptionValues } from "./parse-flags.ts";

const BY_NAME: ReadonlyMap<string, DaemonOption> = new Map(
  DAEMON_OPTIONS.map((option) => [option.flag ?? option.key ?? "", option]),
);

/** Reads set values by their flag's name. */
export class Settings {
  readonly #values: OptionValues;

  constructor(values: OptionValues) {
    this.#values = values;
  }

  text(name: string): string | undefined {
    const value = this.#get(name);
    return value?.kind === "string" && value.value !== "" ? value.value : undefined;
  }

  flag(name: string): boolean | undefined {
    const value = this.#get(name);
    return value?.kind === "boolean" ? value.value : undefined;
  }

  count(name: string): number | undefined {
    const value = this.#get(name);
    return value?.kind === "integer" || value?.kind === "bytes" ? value.value : undefined;
  }

  list(name: string): readonly string[] {
    const value = this.#get(name);
    return value?.kind === "list" ? value.value : [];
  }

  get(name: string): OptionValue | undefined {
    return this.#get(name);
  }

  #get(name: string): OptionValue | undefined {
    const option = BY_NAME.get(name);
    return option && this.#values.get(option);
  }
}

/** @throws {InvalidArgumentError} None of the words, in the words of `problem`. */
export function oneOf<Word extends string>(
  value: string | undefined,
  words: readonly Word[],
  problem: (value: string) => string,
): Word | undefined {
  if (value === undefined) return undefined;
  const found = words.find((word) => word === value);
  if (found === undefined) throw new InvalidArgumentError(problem(value));
  return found;
}

/** @throws {InvalidArgumentError} One that is no IP address, in the words of dockerd. */
export function checkAddresses(addresses: readonly string[]): readonly string[] {
  for (const address of addresses) {
    if (!isIpAddress(address)) throw new InvalidArgumentError(`invalid IP address: ${address}`);
  }
  return addresses;
}
