import { InvalidArgumentError } from "#base/errors.ts";
import { JsonReader } from "#base/json-reader.ts";
import { parseJson } from "#base/json.ts";

export interface PluginTls {
  /** Take any certificate: what Docker does where the file names no authority. */
  readonly isInsecure: boolean;
  /** PEM files. */
  readonly authorityPath?: string;
  readonly certificatePath?: string;
  readonly keyPath?: string;
}

/** Where a plugin serves. */
export type PluginAddress =
  | { readonly kind: "unix"; readonly path: string }
  | {
      readonly kind: "tcp";
      readonly host: string;
      readonly port: number;
      readonly tls?: PluginTls;
    };

const SPEC_MAX_LENGTH = 64 * 1024;

/**
 * Reads a plugin's address: `unix:///path`, `tcp://host:port`.
 *
 * @param name The plugin's, for messages.
 * @throws {InvalidArgumentError} It is neither.
 */
export function parsePluginAddress(
  name: string,
  text: string,
  tls: PluginTls | undefined,
): PluginAddress {
  const trimmed = text.trim();
  const path = /^unix:\/\/(\/.+)$/.exec(trimmed)?.[1];
  if (path !== undefined) return { kind: "unix", path };
  const tcp = /^(?:tcp|http|https):\/\/(?:\[([0-9a-fA-F:.]+)\]|([^:/\s]+)):([0-9]{1,5})\/?$/.exec(
    trimmed,
  );
  const port = Number(tcp?.[3]);
  if (!tcp || port > 65_535) {
    throw new InvalidArgumentError(
      `Cannot use plugin ${JSON.stringify(name)}: its address ${JSON.stringify(trimmed.slice(0, 200))} is neither unix:///PATH nor tcp://HOST:PORT`,
    );
  }
  return { kind: "tcp", host: tcp[1] ?? tcp[2] ?? "", port, ...(tls ? { tls } : {}) };
}

/**
 * The address in a `NAME.json` file: `{"Addr": …, "TLSConfig": {"CAFile", "CertFile", "KeyFile",
 * "InsecureSkipVerify"}}`.
 *
 * @throws {InvalidArgumentError} Malformed, naming the plugin.
 * @see Docker Engine plugin API, "JSON specification".
 */
export function parsePluginJson(name: string, text: string): PluginAddress {
  const prefix = `Cannot read the JSON file of plugin ${JSON.stringify(name)}: `;
  let value: unknown;
  try {
    value = parseJson(text, { maxLength: SPEC_MAX_LENGTH });
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error;
    throw new InvalidArgumentError(prefix + error.message, { cause: error });
  }
  const reader = JsonReader.of(value, { prefix, goType: "plugins.Plugin" });
  const tls = reader.object("TLSConfig", "tlsconfig.Options");
  return parsePluginAddress(name, reader.string("Addr") ?? "", tls && readTls(tls));
}

function readTls(reader: JsonReader): PluginTls {
  const authorityPath = reader.string("CAFile");
  const certificatePath = reader.string("CertFile");
  const keyPath = reader.string("KeyFile");
  return {
    isInsecure: !authorityPath || reader.boolean("InsecureSkipVerify") === true,
    ...(authorityPath ? { authorityPath } : {}),
    ...(certificatePath ? { certificatePath } : {}),
    ...(keyPath ? { keyPath } : {}),
  };
}

/** As messages show it. */
export function formatPluginAddress(address: PluginAddress): string {
  return address.kind === "unix"
    ? `unix://${address.path}`
    : `tcp://${address.host}:${address.port}`;
}
