import { InvalidArgumentError } from "#base/errors.ts";
import type { Service } from "#compose/model/project.ts";

export type Provider = NonNullable<Service["provider"]>;

/** What a provider is told to do. */
export type ProviderVerb = "up" | "down";

/** One line that a provider writes. */
export type ProviderMessage =
  | { readonly type: "info" | "error" | "debug"; readonly message: string }
  /** The name as it is said, without the service's before it. */
  | { readonly type: "setenv"; readonly name: string; readonly value: string };

/**
 * @param speaker For messages.
 * @returns Undefined for an empty line.
 * @throws {InvalidArgumentError} It is none.
 * @see docker compose, docs/extension.md, "Communication with Compose".
 */
export function parseProviderMessage(line: string, speaker: string): ProviderMessage | undefined {
  if (line.trim() === "") return undefined;
  const said = fieldsOf(line) ?? refuse(line, speaker);
  const { type, message = "" } = said;
  if (typeof type !== "string" || typeof message !== "string") return refuse(line, speaker);
  switch (type) {
    case "info":
    case "error":
    case "debug":
      return { type, message };
    case "setenv": {
      const [, name, value] = /^([^=]+)=(.*)$/s.exec(message) ?? [];
      if (name === undefined || value === undefined) return refuse(line, speaker);
      return { type: "setenv", name, value };
    }
    default:
      return refuse(line, speaker);
  }
}

function refuse(line: string, speaker: string): never {
  const shown = line.length > 200 ? `${line.slice(0, 199)}…` : line;
  throw new InvalidArgumentError(`${speaker}: invalid response from plugin: ${shown}`);
}

/** What a provider says of its commands; undefined where it says nothing. */
export type ProviderMetadata = Readonly<Partial<Record<ProviderVerb, readonly Parameter[]>>>;

interface Parameter {
  readonly name: string;
  readonly isRequired: boolean;
}

/** @param text What `PROGRAM compose metadata` wrote. */
export function parseProviderMetadata(text: string): ProviderMetadata | undefined {
  const said = fieldsOf(text);
  if (said === undefined) return undefined;
  const found: Partial<Record<ProviderVerb, readonly Parameter[]>> = {};
  for (const verb of ["up", "down"] as const) {
    const command = said[verb];
    if (!isFields(command)) continue;
    const parameters = Array.isArray(command["parameters"]) ? command["parameters"] : [];
    found[verb] = parameters
      .filter(isFields)
      .flatMap(({ name, required }) =>
        typeof name === "string" ? [{ name, isRequired: required === true }] : [],
      );
  }
  const isEmpty = Object.keys(found).length === 0 && !said["description"];
  return isEmpty ? undefined : found;
}

/** @returns A parameter that the provider must have and the file does not give. */
export function missingParameter(
  { options }: Provider,
  verb: ProviderVerb,
  metadata: ProviderMetadata | undefined,
): string | undefined {
  return metadata?.[verb]?.find(({ name, isRequired }) => isRequired && !options?.has(name))?.name;
}

export interface ProviderCall {
  readonly projectName: string;
  readonly serviceName: string;
  readonly provider: Provider;
  readonly verb: ProviderVerb;
  /** Where there is one, only what it names is passed on. */
  readonly metadata: ProviderMetadata | undefined;
}

/** The words behind the program's name. */
export function providerArguments(call: ProviderCall): readonly string[] {
  const { projectName, serviceName, provider, verb, metadata } = call;
  const isKnown = (name: string): boolean =>
    metadata === undefined || (metadata[verb] ?? []).some((each) => each.name === name);
  const options = [...(provider.options ?? [])]
    .filter(([name]) => isKnown(name))
    .flatMap(([name, values]) => values.map((value) => `--${name}=${value}`));
  return ["compose", `--project-name=${projectName}`, verb, ...options, serviceName];
}

function fieldsOf(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isFields(value) ? value : undefined;
  } catch {
    return undefined; // said by the caller
  }
}

function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
