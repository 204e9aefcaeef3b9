import { InvalidArgumentError } from "#base/errors.ts";
import { JsonReader } from "#base/json-reader.ts";
import { cleanPath } from "#base/posix-path.ts";
import { checkArguments, checkEnvironment } from "./container-config.ts";

/** The body of `POST /containers/{id}/exec`, every default filled in. */
export interface ExecConfig {
  readonly User: string;
  readonly Privileged: boolean;
  readonly Tty: boolean;
  readonly ConsoleSize?: readonly [number, number];
  readonly AttachStdin: boolean;
  readonly AttachStdout: boolean;
  readonly AttachStderr: boolean;
  /** As typed: `ctrl-p,ctrl-q`; empty for the default. */
  readonly DetachKeys: string;
  readonly Env: readonly string[];
  readonly WorkingDir: string;
  readonly Cmd: readonly string[];
}

/** The body of `POST /exec/{id}/start`. */
export interface ExecStart {
  readonly Detach: boolean;
  readonly Tty: boolean;
  readonly ConsoleSize?: readonly [number, number];
}

function readConsole(reader: JsonReader): readonly [number, number] | undefined {
  const sizes = reader.array("ConsoleSize", "[2]uint");
  if (!sizes) return undefined;
  const [height, width] = sizes.map((size, index) => {
    if (typeof size !== "number" || !Number.isInteger(size) || size < 0 || size > 65535) {
      throw reader.mismatch(size, `ConsoleSize.${index}`, "uint");
    }
    return size;
  });
  return [height ?? 0, width ?? 0];
}

function readDetachKeys(reader: JsonReader): string {
  const keys = reader.string("DetachKeys") ?? "";
  for (const key of keys === "" ? [] : keys.split(",")) {
    if (!/^(?:.|ctrl-[a-zA-Z@[\\\]^_])$/u.test(key)) {
      throw new InvalidArgumentError(`Invalid escape keys (${keys}) provided`);
    }
  }
  return keys;
}

/** @throws {InvalidArgumentError} With Docker's texts. */
export function parseExecConfig(body: unknown): ExecConfig {
  const reader = JsonReader.of(body, { prefix: "invalid JSON: ", goType: "container.ExecOptions" });
  const consoleSize = readConsole(reader);
  const workingDir = reader.string("WorkingDir") ?? "";
  const config: ExecConfig = {
    User: reader.string("User") ?? "",
    Privileged: reader.boolean("Privileged") ?? false,
    Tty: reader.boolean("Tty") ?? false,
    ...(consoleSize && { ConsoleSize: consoleSize }),
    AttachStdin: reader.boolean("AttachStdin") ?? false,
    AttachStdout: reader.boolean("AttachStdout") ?? false,
    AttachStderr: reader.boolean("AttachStderr") ?? false,
    DetachKeys: readDetachKeys(reader),
    Env: reader.strings("Env") ?? [],
    WorkingDir: workingDir === "" ? "" : cleanPath(workingDir),
    Cmd: reader.strings("Cmd") ?? [],
  };
  if (config.Cmd.length === 0) throw new InvalidArgumentError("No exec command specified");
  if (config.WorkingDir !== "" && !config.WorkingDir.startsWith("/")) {
    throw new InvalidArgumentError(
      `the working directory '${workingDir}' is invalid, it needs to be an absolute path`,
    );
  }
  if (/\0/.test(config.WorkingDir + config.User)) {
    throw new InvalidArgumentError("invalid exec configuration: it has a NUL byte");
  }
  checkEnvironment(config.Env);
  checkArguments([...config.Cmd, ...config.Env], "command");
  return config;
}

/** @throws {InvalidArgumentError} With Docker's texts. */
export function parseExecStart(body: unknown): ExecStart {
  const reader = JsonReader.of(body, {
    prefix: "invalid JSON: ",
    goType: "container.ExecStartOptions",
  });
  const consoleSize = readConsole(reader);
  return {
    Detach: reader.boolean("Detach") ?? false,
    Tty: reader.boolean("Tty") ?? false,
    ...(consoleSize && { ConsoleSize: consoleSize }),
  };
}
