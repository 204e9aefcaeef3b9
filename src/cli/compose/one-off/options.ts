import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { InvalidArgumentError, NotFoundError } from "#base/errors.ts";
import { parseDotenv } from "#compose/file/dotenv.ts";
import { splitShellWords } from "#compose/file/shell-words.ts";
import { parseVolume } from "#compose/file/short-volume.ts";
import type { Project, ServiceMount, ServicePort } from "#compose/model/project.ts";
import type { OneOffOptions } from "#compose/plan/one-off.ts";
import { parsePortPublication } from "#spec/engine-api/port-spec.ts";

interface OneOffFlags {
  readonly "cap-add": readonly string[];
  readonly "cap-drop": readonly string[];
  readonly entrypoint: string;
  readonly env: readonly string[];
  readonly "env-from-file": readonly string[];
  readonly label: readonly string[];
  readonly publish: readonly string[];
  readonly "service-ports": boolean;
  readonly user: string;
  readonly volume: readonly string[];
  readonly workdir: string;
}

/** What the flags of `run` say of the container. @throws {InvalidArgumentError} One cannot be read. */
export function oneOffOptions(
  project: Project,
  command: readonly string[],
  flags: OneOffFlags,
  terminal: { readonly hasTerminal: boolean; readonly isInteractive: boolean },
): OneOffOptions {
  if (flags["service-ports"] && flags.publish.length > 0) {
    throw new InvalidArgumentError("--service-ports and --publish are incompatible");
  }
  const optional = (text: string): string | undefined => (text === "" ? undefined : text);
  return {
    command,
    entrypoint: flags.entrypoint === "" ? undefined : splitShellWords(flags.entrypoint),
    environment: new Map([
      ...flags["env-from-file"].flatMap((file) => [...fileVariables(project, file)]),
      ...namedVariables(project, flags.env),
    ]),
    labels: new Map(flags.label.map(parseLabel)),
    user: optional(flags.user),
    workingDirectory: optional(flags.workdir),
    mounts: flags.volume.map(parseMount),
    ports: flags.publish.flatMap(parsePorts),
    capAdd: flags["cap-add"],
    capDrop: flags["cap-drop"],
    withServicePorts: flags["service-ports"],
    ...terminal,
  };
}

function fileVariables(project: Project, file: string): ReadonlyMap<string, string> {
  let text: string;
  try {
    text = readFileSync(resolve(file), "utf8");
  } catch (cause) {
    throw new NotFoundError(`open ${file}: no such file or directory`, { cause });
  }
  const read = parseDotenv(text, { file, lookUp: (name) => project.environment.get(name) });
  return new Map(
    [...read].flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const])),
  );
}

/** A name without a value takes the client's, and is left out where that has none. */
function namedVariables(
  project: Project,
  given: readonly string[],
): readonly (readonly [string, string])[] {
  return given.flatMap((each): (readonly [string, string])[] => {
    const at = each.indexOf("=");
    if (at >= 0) return [[each.slice(0, at), each.slice(at + 1)]];
    const value = project.environment.get(each);
    return value === undefined ? [] : [[each, value]];
  });
}

function parseLabel(text: string): readonly [string, string] {
  const at = text.indexOf("=");
  if (at > 0) return [text.slice(0, at), text.slice(at + 1)];
  throw new InvalidArgumentError(`label must be set as KEY=VALUE`);
}

function parseMount(text: string): ServiceMount {
  const { type, source, target, isReadOnly, selinux, propagation, isNoCopy } = parseVolume(text);
  return {
    type,
    target,
    ...(source === undefined ? {} : { source: type === "bind" ? resolve(source) : source }),
    ...(isReadOnly === undefined ? {} : { read_only: isReadOnly }),
    ...(type === "bind"
      ? {
          bind: {
            create_host_path: true,
            ...(selinux === undefined ? {} : { selinux }),
            ...(propagation === undefined ? {} : { propagation }),
          },
        }
      : {}),
    ...(isNoCopy ? { volume: { nocopy: true } } : {}),
  };
}

function parsePorts(text: string): readonly ServicePort[] {
  return parsePortPublication(text).map(({ containerPort, hostIp, hostPort }) => ({
    mode: "ingress",
    target: containerPort.port,
    protocol: containerPort.protocol,
    ...(hostIp === "" ? {} : { host_ip: hostIp }),
    ...(hostPort === "" ? {} : { published: hostPort }),
  }));
}
