import { hostPlatform, parsePlatform } from "#spec/platform.ts";

/**
 * A `--platform` value as the API takes it, OCI's JSON.
 *
 * @throws {InvalidArgumentError} In docker's words.
 */
export function platformQuery(text: string): string {
  const { machine, type } = process.getBuiltinModule("node:os");
  const { os, architecture, variant } = parsePlatform(text, hostPlatform(type(), machine()));
  return JSON.stringify(
    variant === undefined ? { architecture, os } : { architecture, os, variant },
  );
}

/** The same for a flag that may be missing. */
export function optionalPlatformQuery(text: string): string | undefined {
  return text === "" ? undefined : platformQuery(text);
}
