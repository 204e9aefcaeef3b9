import { InvalidArgumentError } from "#base/errors.ts";
import type { ClientConfig, ProxyConfig } from "#client/contexts/client-config.ts";
import { type Flag, listFlag } from "#cli/command/flags.ts";
import type { ClientSurroundings } from "./fields.ts";
import { type FlagsOf, type RequestFields, keyValueMap } from "./fields.ts";

/** Variables and labels of a new container. */
export interface EnvironmentValues {
  readonly env: readonly string[];
  readonly "env-file": readonly string[];
  readonly label: readonly string[];
  readonly "label-file": readonly string[];
}

/** `-e` of `run`, `create` and `exec`: a variable without value takes the client's when planned. */
export function envFlag(): Flag<readonly string[]> {
  return listFlag("Set environment variables", {
    short: "e",
    parseElement(text) {
      if (text === "" || text.startsWith("=")) {
        throw new InvalidArgumentError(`invalid environment variable: ${text}`);
      }
      return text;
    },
  });
}

export function envFileFlag(): Flag<readonly string[]> {
  return listFlag("Read in a file of environment variables", { complete: "files" });
}

export const environmentFlags: FlagsOf<EnvironmentValues> = {
  env: envFlag(),
  "env-file": envFileFlag(),
  label: listFlag("Set meta data on a container", { short: "l", parseElement: checkLabel }),
  "label-file": listFlag("Read in a line delimited file of labels", { complete: "files" }),
};

function checkLabel(text: string): string {
  const key = (text.split("=", 1)[0] ?? "").replace(/^[ \t]+/, "");
  if (key === "") throw new InvalidArgumentError(`invalid label '${text}': empty name`);
  if (/[ \t]/.test(key)) throw new InvalidArgumentError(`label '${key}' contains whitespaces`);
  return text;
}

/** @param proxies Settings of the configuration file for this engine. */
export function planEnvironment(
  values: EnvironmentValues,
  around: ClientSurroundings,
  proxies: ProxyConfig | undefined,
): RequestFields {
  const given = withProxies(lastOfEach(resolveVariables(values.env, around)), proxies);
  const variables = [...readVariableFiles(values["env-file"], around), ...given];
  const labels = [...readLabelFiles(values["label-file"], around), ...values.label];
  return {
    config: {
      ...(variables.length > 0 ? { Env: variables } : {}),
      Labels: keyValueMap(labels),
    },
  };
}

/** `NAME` becomes `NAME=value` where the client has the variable, and stays `NAME` elsewhere. */
export function resolveVariables(
  variables: readonly string[],
  around: Pick<ClientSurroundings, "env">,
): readonly string[] {
  return variables.map((variable) => {
    const value = variable.includes("=") ? undefined : around.env[variable];
    return value === undefined ? variable : `${variable}=${value}`;
  });
}

function nameOf(variable: string): string {
  return variable.split("=", 1)[0] ?? "";
}

function lastOfEach(variables: readonly string[]): readonly string[] {
  return [...new Map(variables.map((variable) => [nameOf(variable), variable])).values()];
}

const proxyVariables: readonly (readonly [keyof ProxyConfig, string])[] = [
  ["httpProxy", "HTTP_PROXY"],
  ["httpsProxy", "HTTPS_PROXY"],
  ["noProxy", "NO_PROXY"],
  ["ftpProxy", "FTP_PROXY"],
  ["allProxy", "ALL_PROXY"],
];

/** Those of the configuration file for an engine, by its address, else for any. */
export function proxiesFor(
  { config }: { readonly config: Pick<ClientConfig, "proxies"> },
  address: string,
): ProxyConfig | undefined {
  return config.proxies[address] ?? config.proxies["default"];
}

/** Each setting as variables of a build, in both cases. */
export function proxyArguments(proxies: ProxyConfig | undefined): Readonly<Record<string, string>> {
  const pairs = withProxies([], proxies).map((variable) => {
    const name = nameOf(variable);
    return [name, variable.slice(name.length + 1)];
  });
  return Object.fromEntries(pairs);
}

/** Adds each setting in both cases, unless the user has given that variable. */
function withProxies(
  variables: readonly string[],
  proxies: ProxyConfig | undefined,
): readonly string[] {
  const names = new Set(variables.map(nameOf));
  const added = proxyVariables.flatMap(([key, upper]) => {
    const value = proxies?.[key];
    return value === undefined || value === ""
      ? []
      : [upper, upper.toLowerCase()]
          .filter((name) => !names.has(name))
          .map((name) => `${name}=${value}`);
  });
  return [...variables, ...added];
}

/** @throws {InvalidArgumentError} In docker's words. */
export function readVariableFiles(
  paths: readonly string[],
  around: Pick<ClientSurroundings, "readText" | "env">,
): readonly string[] {
  return paths.flatMap((path) => readPairs(path, around, (name) => around.env[name]));
}

function readLabelFiles(
  paths: readonly string[],
  around: Pick<ClientSurroundings, "readText">,
): readonly string[] {
  return paths.flatMap((path) => readPairs(path, around, () => undefined));
}

/** @param lookUp Value of a line that has only a name; undefined leaves the line out. */
function readPairs(
  path: string,
  around: Pick<ClientSurroundings, "readText">,
  lookUp: (name: string) => string | undefined,
): readonly string[] {
  const invalid = (reason: string): InvalidArgumentError =>
    new InvalidArgumentError(`invalid env file (${path}): ${reason}`);
  const pairs: string[] = [];
  for (const raw of readWhole(path, around, invalid)
    .replace(/^\uFEFF/, "")
    .split(/\r?\n/)) {
    const line = raw.trimStart();
    if (line === "" || line.startsWith("#")) continue;
    const equals = line.indexOf("=");
    const name = equals < 0 ? line : line.slice(0, equals);
    if (name === "") throw invalid(`no variable name on line '${line}'`);
    if (/[ \t]/.test(name)) throw invalid(`variable '${name}' contains whitespaces`);
    const value = equals < 0 ? lookUp(name) : line.slice(equals + 1);
    if (value !== undefined) pairs.push(`${name}=${value}`);
  }
  return pairs;
}

function readWhole(
  path: string,
  around: Pick<ClientSurroundings, "readText">,
  invalid: (reason: string) => InvalidArgumentError,
): string {
  try {
    return around.readText(path);
  } catch (error) {
    throw error instanceof InvalidArgumentError ? invalid(error.message) : error;
  }
}
