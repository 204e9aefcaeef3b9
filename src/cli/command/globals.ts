import { type Flag, boolFlag, customFlag, stringFlag } from "./flags.ts";

/** Flags before the command: `wharf -H tcp://… ps`. */
// oxlint-disable-next-line typescript/consistent-type-definitions -- a type has the index signature that FlagTable asks for
export type GlobalFlags = {
  readonly config: Flag<string>;
  readonly context: Flag<string>;
  readonly debug: Flag<boolean>;
  readonly host: Flag<readonly string[]>;
  readonly "log-level": Flag<string>;
  readonly tls: Flag<boolean>;
  readonly tlscacert: Flag<string>;
  readonly tlscert: Flag<string>;
  readonly tlskey: Flag<string>;
  readonly tlsverify: Flag<boolean>;
  readonly version: Flag<boolean>;
};

/** Environment variables, as the process has them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** `DOCKER_CONFIG`, else `.docker` in the user's home. */
export function defaultConfigDir(env: Environment): string {
  return env["DOCKER_CONFIG"] || `${env["HOME"] || "/"}/.docker`.replace("//", "/");
}

export function globalFlags(env: Environment): GlobalFlags {
  const configDir = defaultConfigDir(env);
  const certDir = env["DOCKER_CERT_PATH"] || configDir;
  return {
    config: stringFlag("Location of client config files", {
      default: configDir,
      complete: "files",
    }),
    context: stringFlag(
      'Name of the context to use to connect to the daemon (overrides DOCKER_HOST env var and default context set with "wharf context use")',
      { short: "c", complete: "contexts" },
    ),
    debug: boolFlag("Enable debug mode", { short: "D" }),
    host: customFlag<readonly string[]>(
      "string",
      "Daemon socket to connect to",
      "",
      [],
      (text, before) => [...before, text],
      { short: "H" },
    ),
    "log-level": stringFlag('Set the logging level ("debug", "info", "warn", "error", "fatal")', {
      short: "l",
      default: "info",
      complete: ["debug", "info", "warn", "error", "fatal"],
    }),
    tls: boolFlag("Use TLS; implied by --tlsverify", { default: Boolean(env["DOCKER_TLS"]) }),
    tlscacert: stringFlag("Trust certs signed only by this CA", { default: `${certDir}/ca.pem` }),
    tlscert: stringFlag("Path to TLS certificate file", { default: `${certDir}/cert.pem` }),
    tlskey: stringFlag("Path to TLS key file", { default: `${certDir}/key.pem` }),
    tlsverify: boolFlag("Use TLS and verify the remote", {
      default: Boolean(env["DOCKER_TLS_VERIFY"]),
    }),
    version: boolFlag("Print version information and quit", { short: "v" }),
  };
}

/** Values of the global flags, and which of them were given. */
export interface GlobalOptions {
  readonly configDir: string;
  readonly context: string | undefined;
  readonly hosts: readonly string[];
  /** `--debug` or a log level of debug: failures show where they come from. */
  readonly isDebug: boolean;
  readonly tls: TlsOptions;
}

/** What `--tls*` say. */
export interface TlsOptions {
  readonly isOn: boolean;
  readonly verify: boolean;
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
  /** Files named by a flag must exist; the default ones may be missing. */
  readonly isNamed: { readonly ca: boolean; readonly cert: boolean; readonly key: boolean };
}

const logLevels: readonly string[] = [
  "trace",
  "debug",
  "info",
  "warn",
  "warning",
  "error",
  "fatal",
  "panic",
];

export function isLogLevel(text: string): boolean {
  return logLevels.includes(text.toLowerCase());
}
