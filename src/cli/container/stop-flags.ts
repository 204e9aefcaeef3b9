import { type Flag, intFlag, stringFlag } from "#cli/flags.ts";

/** What `stop` and `restart` share. */
export const stopFlags: {
  readonly signal: Flag<string>;
  readonly timeout: Flag<number>;
  readonly time: Flag<number>;
} = {
  signal: stringFlag("Signal to send to the container", { short: "s" }),
  timeout: intFlag("Seconds to wait before killing the container", { short: "t" }),
  time: intFlag("Seconds to wait before killing the container (deprecated: use --timeout)", {
    deprecated: "use --timeout instead",
  }),
};

/** The query of both: what is not on the command line is left to the container's own configuration. */
export function stopQuery(
  flags: { readonly signal: string; readonly timeout: number; readonly time: number },
  isSet: (name: string) => boolean,
): Readonly<Record<string, string | number | undefined>> {
  const seconds = isSet("timeout") ? flags.timeout : isSet("time") ? flags.time : undefined;
  return { t: seconds, signal: flags.signal === "" ? undefined : flags.signal };
}
