/** Values that a log line shows after its message: `container=ab12 status=500`. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** The part of the daemon's log that the API writes to. */
export interface ApiLog {
  /** Whether `debug` writes anything: what costs something to say is not made up in vain. */
  readonly isDebug: boolean;
  debug(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}
