import { existsSync } from "node:fs";
import type { ReadBytes } from "./file/read-text.ts";
import { resolve } from "node:path";
import { InvalidArgumentError, NotFoundError } from "#base/errors.ts";
import { parseDotenv, textOfFile } from "./file/dotenv.ts";
import type { Project, Service } from "./model/project.ts";

/**
 * Fills each service's environment from its env files, below what it says itself, and its labels from label
 * files; names without a value take the user's.
 *
 * @throws {NotFoundError} A file that must be there is not. {InvalidArgumentError} It cannot be read.
 */
export function withEnvironment(project: Project, read: ReadBytes): Project {
  const services = [...project.services].map(([name, service]): [string, Service] => [
    name,
    resolved(name, service, project, read),
  ]);
  return { ...project, services: new Map(services) };
}

/** Names without a value take the user's; files are left unread. So docker compose prints its hashes. */
export function withPassedVariables(project: Project): Project {
  const services = [...project.services].map(([name, service]): [string, Service] => {
    const { environment } = service;
    if (environment === undefined) return [name, service];
    return [name, { ...service, environment: filled(environment, project.environment) }];
  });
  return { ...project, services: new Map(services) };
}

function resolved(
  serviceName: string,
  service: Service,
  project: Project,
  read: ReadBytes,
): Service {
  const { environment, workingDirectory } = project;
  const { env_file, label_file, environment: own, labels, build, ...rest } = service;
  const values = new Map<string, string | null>();
  const placeOf = (key: string, index: number): string =>
    project.locate(["services", serviceName, key, index]);
  for (const [index, { path: named = "", required, format }] of (env_file ?? []).entries()) {
    const path = resolve(workingDirectory, named);
    if (required === false && !existsSync(path)) continue;
    // a file sees what the files before it say
    const lookUp = (name: string): string | undefined => values.get(name) ?? environment.get(name);
    const found = readFile(path, read, {
      lookUp,
      isRaw: format === "raw",
      place: placeOf("env_file", index),
    });
    for (const [name, value] of found) if (value !== undefined) values.set(name, value);
  }
  for (const [name, value] of own ?? []) values.set(name, value);
  const allLabels = new Map<string, string>();
  for (const [index, path] of (label_file ?? []).entries()) {
    const lookUp = (name: string): string | undefined => environment.get(name);
    const found = readFile(path, read, {
      lookUp,
      isRaw: false,
      place: placeOf("label_file", index),
    });
    for (const [name, value] of found) allLabels.set(name, value ?? "");
  }
  for (const [name, value] of labels ?? []) allLabels.set(name, value);
  return {
    ...rest,
    ...(values.size === 0 ? {} : { environment: filled(values, environment) }),
    ...(allLabels.size === 0 ? {} : { labels: allLabels }),
    ...(build === undefined
      ? {}
      : {
          build: build.args
            ? { ...build, args: withoutNulls(filled(build.args, environment)) }
            : build,
        }),
  };
}

function filled(
  values: ReadonlyMap<string, string | null>,
  environment: ReadonlyMap<string, string>,
): ReadonlyMap<string, string | null> {
  return new Map(
    [...values].map(([name, value]) => [name, value ?? environment.get(name) ?? null]),
  );
}

function withoutNulls(
  values: ReadonlyMap<string, string | null>,
): ReadonlyMap<string, string | null> {
  return new Map([...values].filter(([, value]) => value !== null));
}

interface EnvFileReading {
  readonly lookUp: (name: string) => string | undefined;
  readonly isRaw: boolean;
  /** Where it is named, to begin a message with. */
  readonly place: string;
}

function readFile(
  path: string,
  read: ReadBytes,
  { lookUp, isRaw, place }: EnvFileReading,
): ReadonlyMap<string, string | undefined> {
  let text: string;
  try {
    text = textOfFile(read(path));
  } catch (error) {
    const isMissing = error instanceof Error && "code" in error && error.code === "ENOENT";
    if (error instanceof InvalidArgumentError) {
      throw new InvalidArgumentError(`${place}${error.message}`, { cause: error });
    }
    if (!isMissing) throw error;
    throw new NotFoundError(
      `${place}env file ${path} not found: stat ${path}: no such file or directory`,
    );
  }
  return parseDotenv(text, { file: path, isRaw, lookUp });
}
