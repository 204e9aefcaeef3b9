import type { ArgInstruction } from "#builder/language/instruction.ts";
import { formatPlatform, type Platform } from "#spec/platform.ts";
import { WordExpander } from "./expand-instruction.ts";

/** Proxies go to every RUN without an ARG, and are in no history and no cache key. */
export const PROXY_ARGUMENTS: ReadonlySet<string> = new Set(
  ["HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"].flatMap((name) => [
    name,
    name.toLowerCase(),
  ]),
);

function platformArguments(prefix: string, platform: Platform): readonly [string, string][] {
  return [
    [`${prefix}PLATFORM`, formatPlatform(platform)],
    [`${prefix}OS`, platform.os],
    [`${prefix}OSVERSION`, platform.osVersion ?? ""],
    [`${prefix}ARCH`, platform.architecture],
    [`${prefix}VARIANT`, platform.variant ?? ""],
  ];
}

/**
 * Values that FROM lines see, and that a bare `ARG NAME` brings into a stage: those of the platforms, then the
 * ARGs before the first FROM.
 *
 * @throws {DockerfileError} A default that cannot be expanded.
 */
export function globalArguments(
  instructions: readonly ArgInstruction[],
  given: {
    readonly buildArgs: ReadonlyMap<string, string>;
    readonly build: Platform;
    readonly target: Platform;
    readonly targetStage: string;
    readonly escape: "\\" | "`";
  },
): ReadonlyMap<string, string> {
  const values = new Map<string, string>([
    ...platformArguments("BUILD", given.build),
    ...platformArguments("TARGET", given.target),
    ["TARGETSTAGE", given.targetStage],
  ]);
  for (const [name, value] of given.buildArgs) if (values.has(name)) values.set(name, value);
  for (const { args, range } of instructions) {
    for (const { name, value } of args) {
      const expander = new WordExpander({ variables: values, escape: given.escape, range });
      const chosen =
        given.buildArgs.get(name) ?? (value === undefined ? undefined : expander.word(value));
      if (chosen !== undefined) values.set(name, chosen);
    }
  }
  return values;
}
