import type { Cli } from "#cli/cli.ts";

const TRUE = ["1", "true"];

/** Whether containers of services that the file does not know go: by the flag, or COMPOSE_REMOVE_ORPHANS. */
export function removesOrphans(
  { env }: Cli,
  asked: { readonly "remove-orphans": boolean },
): boolean {
  return asked["remove-orphans"] || TRUE.includes(env["COMPOSE_REMOVE_ORPHANS"] ?? "");
}

/** Whether nobody is to hear of them: by COMPOSE_IGNORE_ORPHANS. */
export function ignoresOrphans({ env }: Cli): boolean {
  return TRUE.includes(env["COMPOSE_IGNORE_ORPHANS"] ?? "");
}
