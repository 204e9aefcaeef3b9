import { parseGoDuration } from "#base/durations.ts";
import { InvalidArgumentError } from "#base/errors.ts";
import { cleanPath } from "#base/posix-path.ts";
import { tryParsePortRange } from "#spec/engine-api/port-spec.ts";
import { parseSignal } from "#spec/engine-api/signals.ts";
import type { ImageExecutionConfig, ImageHealthcheck } from "#spec/oci-image.ts";
import { expandWord, splitWords, type Variables } from "./shell-words.ts";

const SHELL = ["/bin/sh", "-c"];
const MAX_LENGTH = 1024 * 1024;
const MINIMUM_NANOSECONDS = 1_000_000;

interface Instruction {
  readonly keyword: string;
  readonly flags: readonly string[];
  /** What follows the keyword and its flags. */
  readonly rest: string;
  /** What follows the keyword. */
  readonly original: string;
}

type Change = (config: ImageExecutionConfig, instruction: Instruction) => ImageExecutionConfig;

/** Instructions that make sense without a build, and what each does. */
const CHANGES: Readonly<Record<string, Change>> = {
  cmd: (config, instruction) => ({ ...config, cmd: commandOf(instruction) }),
  entrypoint: (config, instruction) => ({ ...config, entrypoint: commandOf(instruction) }),
  env: applyEnv,
  expose: applyExpose,
  healthcheck: applyHealthcheck,
  label: applyLabel,
  onbuild: applyOnBuild,
  stopsignal: applyStopSignal,
  user: (config, instruction) => ({
    ...config,
    user: expandWord(single(instruction), envOf(config)),
  }),
  volume: applyVolume,
  workdir: applyWorkdir,
};

/**
 * Applies the Dockerfile instructions that `import` and `commit` take with `--change`.
 *
 * @throws {InvalidArgumentError} With the builder's texts.
 */
export function applyChanges(
  config: ImageExecutionConfig,
  changes: readonly string[],
): ImageExecutionConfig {
  if (changes.length === 0) return config;
  const instructions = parseInstructions(changes.join("\n"));
  for (const { keyword } of instructions) {
    if (!Object.hasOwn(CHANGES, keyword.toLowerCase())) {
      throw new InvalidArgumentError(`${keyword} is not a valid change command`);
    }
  }
  let changed = config;
  let hasOwnCommand = false;
  for (const instruction of instructions) {
    const keyword = instruction.keyword.toLowerCase();
    if (keyword === "cmd") hasOwnCommand = true;
    else if (keyword === "entrypoint" && !hasOwnCommand) {
      // another entry point makes nothing of the arguments that there were
      const { cmd: _, ...rest } = changed;
      changed = rest;
    }
    const [flag] = instruction.flags;
    if (flag !== undefined && keyword !== "healthcheck") {
      throw new InvalidArgumentError(`unknown flag: ${flag.split("=", 1)[0]}`);
    }
    changed = CHANGES[keyword]?.(changed, instruction) ?? changed;
  }
  return changed;
}

function parseInstructions(text: string): readonly Instruction[] {
  if (text.length > MAX_LENGTH) {
    throw new InvalidArgumentError(`changes of ${text.length} characters are too long`);
  }
  const lines = text.split("\n").filter((line) => !/^\s*(?:#|$)/.test(line));
  const instructions: Instruction[] = [];
  let pending = "";
  for (const line of lines) {
    const continued = /^(.*)\\\s*$/.exec(line);
    pending += continued ? (continued[1] ?? "") : line;
    if (continued) continue;
    instructions.push(parseInstruction(pending.trim()));
    pending = "";
  }
  if (pending.trim() !== "") instructions.push(parseInstruction(pending.trim()));
  if (instructions.length === 0) throw new InvalidArgumentError("file with no instructions");
  return instructions;
}

function parseInstruction(line: string): Instruction {
  const [, keyword = "", original = ""] = /^(\S+)\s*([\s\S]*)$/.exec(line) ?? [];
  const flags: string[] = [];
  let rest = original;
  for (let match = /^--\S*\s*/.exec(rest); match; match = /^--\S*\s*/.exec(rest)) {
    const flag = match[0].trim();
    rest = rest.slice(match[0].length);
    if (flag === "--") break;
    flags.push(flag);
  }
  return { keyword, flags, rest, original };
}

function nameOf(instruction: Instruction): string {
  return instruction.keyword.toUpperCase();
}

function single(instruction: Instruction): string {
  if (instruction.rest === "") {
    throw new InvalidArgumentError(`${nameOf(instruction)} requires exactly one argument`);
  }
  return instruction.rest;
}

function atLeastOne(instruction: Instruction): never {
  throw new InvalidArgumentError(`${nameOf(instruction)} requires at least one argument`);
}

function envOf(config: ImageExecutionConfig): Variables {
  return new Map(
    config.env.map((variable): readonly [string, string] => {
      const equals = variable.indexOf("=");
      return equals < 0 ? [variable, ""] : [variable.slice(0, equals), variable.slice(equals + 1)];
    }),
  );
}

/** The words of a JSON array; `undefined` where the text is none. */
function tryJsonWords(text: string): readonly string[] | undefined {
  if (!text.startsWith("[")) return undefined;
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return undefined; // a shell command that begins with a bracket
  }
  if (!Array.isArray(parsed)) return undefined;
  return parsed.map((word: unknown) => {
    if (typeof word === "string") return word;
    throw new InvalidArgumentError(
      "when using JSON array syntax, arrays must be comprised of strings only",
    );
  });
}

function commandOf(instruction: Instruction): readonly string[] {
  const { rest } = instruction;
  if (rest === "") return [];
  return tryJsonWords(rest) ?? [...SHELL, rest];
}

/** Pairs of ENV and LABEL: `a=b c="d e"`, or the old form `a the rest`. */
function pairsOf(
  instruction: Instruction,
  variables: Variables,
): readonly (readonly [name: string, value: string])[] {
  const words = splitWords(instruction.rest);
  const [first] = words;
  if (first === undefined) return atLeastOne(instruction);
  const expanded = (name: string, value: string): readonly [string, string] => {
    const key = expandWord(name, variables);
    if (key === "") {
      throw new InvalidArgumentError(`${nameOf(instruction)} names can not be blank`);
    }
    return [key, expandWord(value, variables)];
  };
  if (!first.includes("=")) {
    const old = /^(\S+)\s+([\s\S]+)$/.exec(instruction.rest);
    if (!old) throw new InvalidArgumentError(`${nameOf(instruction)} must have two arguments`);
    return [expanded(old[1] ?? "", old[2] ?? "")];
  }
  return words.map((word) => {
    const equals = word.indexOf("=");
    if (equals < 0) {
      throw new InvalidArgumentError(
        `Syntax error - can't find = in ${JSON.stringify(word)}. Must be of the form: name=value`,
      );
    }
    return expanded(word.slice(0, equals), word.slice(equals + 1));
  });
}

function applyEnv(config: ImageExecutionConfig, instruction: Instruction): ImageExecutionConfig {
  let env = config.env;
  for (const [name, value] of pairsOf(instruction, envOf(config))) {
    const variable = `${name}=${value}`;
    const at = env.findIndex((one) => one.startsWith(`${name}=`));
    env = at < 0 ? [...env, variable] : env.with(at, variable);
  }
  return { ...config, env };
}

function applyLabel(config: ImageExecutionConfig, instruction: Instruction): ImageExecutionConfig {
  const labels = Object.fromEntries(pairsOf(instruction, envOf(config)));
  return { ...config, labels: { ...config.labels, ...labels } };
}

function applyExpose(config: ImageExecutionConfig, instruction: Instruction): ImageExecutionConfig {
  const words = splitWords(instruction.rest);
  if (words.length === 0) return atLeastOne(instruction);
  const variables = envOf(config);
  const ports = words
    .flatMap((word) => expandWord(word, variables).split(/\s+/))
    .filter((word) => word !== "")
    .flatMap(exposedPorts);
  return { ...config, exposedPorts: [...new Set([...config.exposedPorts, ...ports])].toSorted() };
}

/** As the builder words its refusals, other than `--expose` does. */
function exposedPorts(word: string): readonly string[] {
  const [, ports = "", protocol = "tcp"] = /^([^/]*)(?:\/(.*))?$/.exec(word) ?? [];
  const range = tryParsePortRange(ports);
  if (!range) throw new InvalidArgumentError(`Invalid containerPort: ${ports}`);
  if (!/^(?:tcp|udp|sctp)$/i.test(protocol)) {
    throw new InvalidArgumentError(`Invalid proto: ${protocol}`);
  }
  const found: string[] = [];
  for (let port = range.first; port <= range.last; port++) {
    found.push(`${port}/${protocol.toLowerCase()}`);
  }
  return found;
}

function applyVolume(config: ImageExecutionConfig, instruction: Instruction): ImageExecutionConfig {
  const words = tryJsonWords(instruction.rest) ?? splitWords(instruction.rest);
  if (words.length === 0) return atLeastOne(instruction);
  const variables = envOf(config);
  const volumes = words.map((word) => {
    const volume = expandWord(word, variables).trim();
    if (volume !== "") return volume;
    throw new InvalidArgumentError("VOLUME specified can not be an empty string");
  });
  return { ...config, volumes: [...new Set([...config.volumes, ...volumes])].toSorted() };
}

function applyWorkdir(
  config: ImageExecutionConfig,
  instruction: Instruction,
): ImageExecutionConfig {
  const path = expandWord(single(instruction), envOf(config));
  const isAbsolute = path.startsWith("/");
  return { ...config, workingDir: cleanPath(isAbsolute ? path : `/${config.workingDir}/${path}`) };
}

function applyStopSignal(
  config: ImageExecutionConfig,
  instruction: Instruction,
): ImageExecutionConfig {
  const stopSignal = expandWord(single(instruction), envOf(config));
  parseSignal(stopSignal);
  return { ...config, stopSignal };
}

function applyOnBuild(
  config: ImageExecutionConfig,
  instruction: Instruction,
): ImageExecutionConfig {
  const [trigger] = instruction.original.split(/\s+/);
  if (!trigger) return atLeastOne(instruction);
  const keyword = trigger.toUpperCase();
  if (keyword === "ONBUILD") {
    throw new InvalidArgumentError("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
  }
  if (keyword === "MAINTAINER" || keyword === "FROM") {
    throw new InvalidArgumentError(`${keyword} isn't allowed as an ONBUILD trigger`);
  }
  return { ...config, onBuild: [...config.onBuild, instruction.original] };
}

function applyHealthcheck(
  config: ImageExecutionConfig,
  instruction: Instruction,
): ImageExecutionConfig {
  const [, type = "", command = ""] = /^(\S*)\s*([\s\S]*)$/.exec(instruction.rest) ?? [];
  if (type === "") return atLeastOne(instruction);
  const settings = healthSettings(instruction.flags);
  switch (type.toUpperCase()) {
    case "NONE":
      if (command !== "") throw new InvalidArgumentError("HEALTHCHECK NONE takes no arguments");
      return { ...config, healthcheck: { ...settings, test: ["NONE"] } };
    case "CMD": {
      const words = tryJsonWords(command);
      if (command === "" || words?.length === 0) {
        throw new InvalidArgumentError("Missing command after HEALTHCHECK CMD");
      }
      const test = words ? ["CMD", ...words] : ["CMD-SHELL", command];
      return { ...config, healthcheck: { ...settings, test } };
    }
    default:
      throw new InvalidArgumentError(
        `Unknown type ${JSON.stringify(type.toUpperCase())} in HEALTHCHECK (try CMD)`,
      );
  }
}

type HealthSettings = Omit<ImageHealthcheck, "test">;

const DURATIONS: Readonly<Record<string, keyof HealthSettings>> = {
  "--interval": "intervalNanoseconds",
  "--timeout": "timeoutNanoseconds",
  "--start-period": "startPeriodNanoseconds",
  "--start-interval": "startIntervalNanoseconds",
};

function healthSettings(flags: readonly string[]): HealthSettings {
  let settings: HealthSettings = {
    intervalNanoseconds: 0,
    timeoutNanoseconds: 0,
    startPeriodNanoseconds: 0,
    startIntervalNanoseconds: 0,
    retries: 0,
  };
  for (const flag of flags) {
    const equals = flag.indexOf("=");
    const name = equals < 0 ? flag : flag.slice(0, equals);
    const value = equals < 0 ? "" : flag.slice(equals + 1);
    const duration = DURATIONS[name];
    if (duration === undefined && name !== "--retries") {
      throw new InvalidArgumentError(`unknown flag: ${name}`);
    }
    if (equals < 0) throw new InvalidArgumentError(`missing a value on flag: ${name.slice(2)}`);
    settings =
      duration === undefined
        ? { ...settings, retries: parseRetries(value) }
        : { ...settings, [duration]: parseInterval(name.slice(2), value) };
  }
  return settings;
}

function parseInterval(name: string, value: string): number {
  if (value === "") return 0;
  const nanoseconds = parseGoDuration(value);
  if (nanoseconds !== 0 && nanoseconds < MINIMUM_NANOSECONDS) {
    throw new InvalidArgumentError(`Interval ${JSON.stringify(name)} cannot be less than 1ms`);
  }
  return nanoseconds;
}

function parseRetries(value: string): number {
  if (value === "") return 0;
  if (!/^[-+]?[0-9]{1,9}$/.test(value)) {
    throw new InvalidArgumentError(
      `strconv.ParseInt: parsing ${JSON.stringify(value)}: invalid syntax`,
    );
  }
  const retries = Number(value);
  if (retries < 0) throw new InvalidArgumentError(`--retries cannot be negative (${retries})`);
  return retries;
}
