import { type Flag, intFlag, stringFlag } from "#cli/command/flags.ts";

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

interface StopValues {
  readonly signal: string;
  readonly timeout: number;
  readonly time: number;
}

/** What is on the command line; the rest is left to the container's own configuration. */
export function stopOptions(
  flags: StopValues,
  isSet: (name: string) => boolean,
): { readonly timeoutSeconds: number | undefined; readonly signal: string | undefined } {
  return {
    timeoutSeconds: isSet("timeout") ? flags.timeout : isSet("time") ? flags.time : undefined,
    signal: flags.signal === "" ? undefined : flags.signal,
  };
}

/** The query of both. */
export function stopQuery(
  flags: StopValues,
  isSet: (name: string) => boolean,
): Readonly<Record<string, string | number | undefined>> {
  const { timeoutSeconds, signal } = stopOptions(flags, isSet);
  return { t: timeoutSeconds, signal };
}
