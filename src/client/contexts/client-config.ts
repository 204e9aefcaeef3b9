import { InvalidArgumentError, messageOf } from "#base/errors.ts";
import { readTextFile } from "#libc/text-files.ts";

/** The keys of docker's `config.json` that the client reads. */
export interface ClientConfig {
  readonly currentContext: string | undefined;
  readonly detachKeys: string | undefined;
  readonly httpHeaders: Readonly<Record<string, string>>;
  /** Default formats of list commands by their key: `psFormat`, `imagesFormat`, … */
  readonly formats: Readonly<Record<string, string>>;
  /** Proxy variables for new containers by engine address, or `default`. */
  readonly proxies: Readonly<Record<string, ProxyConfig>>;
  /** `features` and the other keys, as they stand. */
  readonly raw: Readonly<Record<string, unknown>>;
}

/** One entry of `proxies`. */
export interface ProxyConfig {
  readonly httpProxy?: string;
  readonly httpsProxy?: string;
  readonly noProxy?: string;
  readonly ftpProxy?: string;
  readonly allProxy?: string;
}

/** @throws {InvalidArgumentError} When the file is there and is no JSON object. */
export function readClientConfig(configDir: string): ClientConfig {
  const path = `${configDir}/config.json`;
  let text: string | undefined;
  try {
    text = readTextFile(path);
  } catch (error) {
    throw new InvalidArgumentError(`Error loading config file: ${messageOf(error)}`, {
      cause: error,
    });
  }
  return parseClientConfig(text === undefined ? {} : parseObject(text, path));
}

function parseObject(text: string, path: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = text.trim() === "" ? {} : JSON.parse(text);
  } catch (error) {
    throw new InvalidArgumentError(`Error parsing config file (${path}): ${messageOf(error)}`, {
      cause: error,
    });
  }
  if (!isRecord(value)) {
    throw new InvalidArgumentError(`Error parsing config file (${path}): want a JSON object`);
  }
  return value;
}

/** Values of a wrong type count as absent, as they do for docker's zero values. */
export function parseClientConfig(raw: Readonly<Record<string, unknown>>): ClientConfig {
  const formats: Record<string, string> = {};
  for (const [key, value] of Object.entries(raw)) {
    if (key.endsWith("Format") && typeof value === "string" && value !== "") formats[key] = value;
  }
  return {
    currentContext: textOf(raw["currentContext"]),
    detachKeys: textOf(raw["detachKeys"]),
    httpHeaders: textsOf(raw["HttpHeaders"]),
    formats,
    proxies: proxiesOf(raw["proxies"]),
    raw,
  };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function textsOf(value: unknown): Record<string, string> {
  const texts: Record<string, string> = {};
  if (!isRecord(value)) return texts;
  for (const [key, text] of Object.entries(value)) if (typeof text === "string") texts[key] = text;
  return texts;
}

function proxiesOf(value: unknown): Record<string, ProxyConfig> {
  const proxies: Record<string, ProxyConfig> = {};
  if (!isRecord(value)) return proxies;
  for (const [address, settings] of Object.entries(value)) proxies[address] = textsOf(settings);
  return proxies;
}
