/** Values that a log line shows after its message. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** The part of the process's log that the registry writes to. */
export interface RegistryLog {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}
