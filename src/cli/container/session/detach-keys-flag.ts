import type { Cli } from "#cli/cli.ts";
import { type Flag, stringFlag } from "#cli/command/flags.ts";

export const detachKeysFlag: Flag<string> = stringFlag(
  "Override the key sequence for detaching a container",
);

/** The flag, else the configuration file; empty for docker's own keys. */
export function chooseDetachKeys(cli: Cli, flag: string): string {
  return flag || (cli.config.detachKeys ?? "");
}
