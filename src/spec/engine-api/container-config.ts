import { InvalidArgumentError } from "#base/errors.ts";
import type { JsonReader } from "#base/json-reader.ts";
import { cleanPath } from "#base/posix-path.ts";
import { parseHttpTarget, parseTcpTarget } from "./health-target.ts";
import { parseMountTarget } from "./mount.ts";
import { formatContainerPort, parseContainerPort } from "./port-spec.ts";
import { parseSignal } from "./signals.ts";

/** Durations in nanoseconds; 0 takes the default. */
export interface HealthConfig {
  /**
   * `[]` inherits, `["NONE"]` switches off, `["CMD", …]`, `["CMD-SHELL", line]`; beyond Docker
   * `["HTTP", url]` and `["TCP", port]`, which the engine does itself.
   */
  readonly Test: readonly string[];
  readonly Interval: number;
  readonly Timeout: number;
  readonly StartPeriod: number;
  readonly StartInterval: number;
  readonly Retries: number;
}

/**
 * What runs in the container, in the wire's names. Lists and maps that the wire may leave out are
 * empty here; `containerConfigToWire` drops them again.
 */
export interface ContainerConfig {
  /** Empty until the engine fills in the first 12 digits of the ID. */
  readonly Hostname: string;
  readonly Domainname: string;
  readonly User: string;
  readonly AttachStdin: boolean;
  readonly AttachStdout: boolean;
  readonly AttachStderr: boolean;
  /** Keys like `80/tcp`. */
  readonly ExposedPorts: Readonly<Record<string, object>>;
  readonly Tty: boolean;
  readonly OpenStdin: boolean;
  readonly StdinOnce: boolean;
  /** `NAME=value`; a bare `NAME` takes the variable out of the image's. */
  readonly Env: readonly string[];
  readonly Cmd: readonly string[] | null;
  readonly Healthcheck?: HealthConfig;
  readonly ArgsEscaped?: boolean;
  readonly Image: string;
  /** Keys are absolute paths. */
  readonly Volumes: Readonly<Record<string, object>>;
  readonly WorkingDir: string;
  /** `[""]` and `[]` take the image's away, `null` keeps it. */
  readonly Entrypoint: readonly string[] | null;
  readonly NetworkDisabled?: boolean;
  readonly MacAddress?: string;
  readonly OnBuild: readonly string[];
  readonly Labels: Readonly<Record<string, string>>;
  readonly StopSignal?: string;
  /** Seconds; -1 waits for ever. */
  readonly StopTimeout?: number;
  readonly Shell?: readonly string[];
}

const MINIMUM_HEALTH_NANOSECONDS = 1_000_000;
/** The kernel's limit (`__NEW_UTS_LEN`). */
const HOSTNAME_MAX_BYTES = 64;
/** The kernel's limit for all arguments and variables is 2 MiB with the usual stack. */
const ARGUMENTS_MAX_BYTES = 2 * 1024 * 1024;

/** @throws {InvalidArgumentError} `invalid environment variable: …` */
export function checkEnvironment(variables: readonly string[]): void {
  for (const variable of variables) {
    if (variable === "" || variable.startsWith("=") || variable.includes("\0")) {
      throw new InvalidArgumentError(`invalid environment variable: ${variable.slice(0, 200)}`);
    }
  }
}

/** @throws {InvalidArgumentError} When the words cannot be handed to `execve`. */
export function checkArguments(words: readonly string[], noun: string): void {
  let total = 0;
  for (const word of words) {
    if (word.includes("\0")) throw new InvalidArgumentError(`invalid ${noun}: it has a NUL byte`);
    total += word.length + 1;
  }
  if (total > ARGUMENTS_MAX_BYTES) {
    throw new InvalidArgumentError(
      `invalid ${noun}: ${total} bytes are over the limit of ${ARGUMENTS_MAX_BYTES}`,
    );
  }
}

/** @throws {InvalidArgumentError} When the kernel or `/etc/hosts` could not take the name. */
function checkHostname(name: string, noun: "hostname" | "domainname"): void {
  if (/[\s\0/]|\p{Cc}/u.test(name)) {
    throw new InvalidArgumentError(`invalid ${noun} format: ${JSON.stringify(name.slice(0, 128))}`);
  }
  if (Buffer.byteLength(name) > HOSTNAME_MAX_BYTES) {
    throw new InvalidArgumentError(
      `invalid ${noun}: ${Buffer.byteLength(name)} bytes are over the limit of ${HOSTNAME_MAX_BYTES}`,
    );
  }
}

/** @throws {InvalidArgumentError} Also where Docker takes it and fails later: `["CMD"]` ends dockerd. */
function checkHealthTest(test: readonly string[]): void {
  const [kind, first] = test;
  const invalid = (reason: string): InvalidArgumentError =>
    new InvalidArgumentError(`invalid Test in Healthcheck: ${reason}`);
  switch (kind) {
    case undefined:
    case "":
    case "NONE":
      return;
    case "CMD":
    case "CMD-SHELL":
      if (!first) throw invalid(`${kind} needs a command`);
      checkArguments(test, "Test in Healthcheck");
      return;
    case "HTTP":
      if (test.length > 2) throw invalid("HTTP takes one URL");
      parseHttpTarget(first ?? "");
      return;
    case "TCP":
      if (test.length > 2) throw invalid("TCP takes one port");
      parseTcpTarget(first ?? "");
      return;
    default:
      throw invalid(`unknown type ${JSON.stringify(kind)} (try CMD, CMD-SHELL, HTTP, TCP or NONE)`);
  }
}

/** @throws {InvalidArgumentError} With Docker's texts. */
export function readHealthConfig(reader: JsonReader): HealthConfig {
  const test = reader.strings("Test") ?? [];
  checkHealthTest(test);
  const duration = (key: string): number => {
    const nanoseconds = reader.integer(key, "time.Duration") ?? 0;
    if (nanoseconds !== 0 && nanoseconds < MINIMUM_HEALTH_NANOSECONDS) {
      throw new InvalidArgumentError(`${key} in Healthcheck cannot be less than 1ms`);
    }
    return nanoseconds;
  };
  const config: HealthConfig = {
    Test: test,
    Interval: duration("Interval"),
    Timeout: duration("Timeout"),
    StartPeriod: duration("StartPeriod"),
    StartInterval: duration("StartInterval"),
    Retries: reader.integer("Retries", "int") ?? 0,
  };
  if (config.Retries < 0)
    throw new InvalidArgumentError("Retries in Healthcheck cannot be negative");
  return config;
}

function readSet(
  reader: JsonReader,
  key: string,
  normalise: (name: string) => string,
): Record<string, object> {
  const entries = reader.entries(key, "map[string]struct {}") ?? [];
  return Object.fromEntries(entries.map(([name]): [string, object] => [normalise(name), {}]));
}

function readWorkingDir(reader: JsonReader): string {
  const path = reader.string("WorkingDir") ?? "";
  if (path === "") return path;
  if (!path.startsWith("/") || path.includes("\0")) {
    throw new InvalidArgumentError(
      `the working directory '${path}' is invalid, it needs to be an absolute path`,
    );
  }
  return cleanPath(path);
}

function optionalFields(reader: JsonReader): Partial<ContainerConfig> {
  const healthcheck = reader.object("Healthcheck");
  const macAddress = reader.string("MacAddress");
  const stopSignal = reader.string("StopSignal");
  const stopTimeout = reader.integer("StopTimeout", "int");
  const shell = reader.stringOrStrings("Shell");
  if (stopSignal) parseSignal(stopSignal);
  return {
    ...(healthcheck && { Healthcheck: readHealthConfig(healthcheck) }),
    ...(reader.boolean("ArgsEscaped") ? { ArgsEscaped: true } : {}),
    ...(reader.boolean("NetworkDisabled") ? { NetworkDisabled: true } : {}),
    ...(macAddress ? { MacAddress: macAddress } : {}),
    ...(stopSignal ? { StopSignal: stopSignal } : {}),
    ...(stopTimeout === undefined ? {} : { StopTimeout: stopTimeout }),
    ...(shell && { Shell: shell }),
  };
}

/**
 * Reads the outer object of a create request.
 *
 * @throws {InvalidArgumentError} With Docker's texts.
 */
export function readContainerConfig(reader: JsonReader): ContainerConfig {
  const config: ContainerConfig = {
    Hostname: reader.string("Hostname") ?? "",
    Domainname: reader.string("Domainname") ?? "",
    User: reader.string("User") ?? "",
    AttachStdin: reader.boolean("AttachStdin") ?? false,
    AttachStdout: reader.boolean("AttachStdout") ?? false,
    AttachStderr: reader.boolean("AttachStderr") ?? false,
    ExposedPorts: readSet(reader, "ExposedPorts", (name) =>
      formatContainerPort(parseContainerPort(name)),
    ),
    Tty: reader.boolean("Tty") ?? false,
    OpenStdin: reader.boolean("OpenStdin") ?? false,
    StdinOnce: reader.boolean("StdinOnce") ?? false,
    Env: reader.strings("Env") ?? [],
    Cmd: reader.stringOrStrings("Cmd") ?? null,
    Image: reader.string("Image") ?? "",
    Volumes: readSet(reader, "Volumes", parseMountTarget),
    WorkingDir: readWorkingDir(reader),
    Entrypoint: reader.stringOrStrings("Entrypoint") ?? null,
    OnBuild: reader.strings("OnBuild") ?? [],
    Labels: reader.stringMap("Labels") ?? {},
    ...optionalFields(reader),
  };
  checkHostname(config.Hostname, "hostname");
  checkHostname(config.Domainname, "domainname");
  checkEnvironment(config.Env);
  checkArguments([...(config.Entrypoint ?? []), ...(config.Cmd ?? []), ...config.Env], "command");
  if (config.User.includes("\0")) throw new InvalidArgumentError("invalid user: it has a NUL byte");
  return config;
}

function emptyToNull<Item>(list: readonly Item[]): readonly Item[] | null {
  return list.length > 0 ? list : null;
}

function nonZero(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).filter(
      ([, value]) => value !== 0 && !(Array.isArray(value) && value.length === 0),
    ),
  );
}

/** As `inspect` shows it: Docker's order, `null` for empty lists, nothing for what it leaves out. */
export function containerConfigToWire(config: ContainerConfig): Readonly<Record<string, unknown>> {
  const { ExposedPorts, Healthcheck, ArgsEscaped, NetworkDisabled, MacAddress } = config;
  return {
    Hostname: config.Hostname,
    Domainname: config.Domainname,
    User: config.User,
    AttachStdin: config.AttachStdin,
    AttachStdout: config.AttachStdout,
    AttachStderr: config.AttachStderr,
    ...(Object.keys(ExposedPorts).length > 0 ? { ExposedPorts } : {}),
    Tty: config.Tty,
    OpenStdin: config.OpenStdin,
    StdinOnce: config.StdinOnce,
    Env: emptyToNull(config.Env),
    Cmd: config.Cmd,
    ...(Healthcheck && { Healthcheck: nonZero({ ...Healthcheck }) }),
    ...(ArgsEscaped ? { ArgsEscaped } : {}),
    Image: config.Image,
    Volumes: Object.keys(config.Volumes).length > 0 ? config.Volumes : null,
    WorkingDir: config.WorkingDir,
    Entrypoint: config.Entrypoint,
    ...(NetworkDisabled ? { NetworkDisabled } : {}),
    ...(MacAddress === undefined ? {} : { MacAddress }),
    OnBuild: emptyToNull(config.OnBuild),
    Labels: config.Labels,
    ...(config.StopSignal === undefined ? {} : { StopSignal: config.StopSignal }),
    ...(config.StopTimeout === undefined ? {} : { StopTimeout: config.StopTimeout }),
    ...(config.Shell && { Shell: config.Shell }),
  };
}
