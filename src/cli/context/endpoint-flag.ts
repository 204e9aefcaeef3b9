import { readFileSync } from "node:fs";
import { InvalidArgumentError, messageOf } from "#base/errors.ts";
import type { ContextEndpoint, ContextMeta, TlsFiles } from "#client/contexts/stored-context.ts";
import { ContextStore } from "#client/contexts/context-store.ts";
import { defaultContextName } from "#client/contexts/stored-context.ts";
import { parseEndpoint } from "#client/endpoint.ts";
import type { Cli } from "#cli/cli.ts";
import { type Flag, customFlag, cutAt, splitCsvLine } from "#cli/command/flags.ts";
import { resolveEngine } from "#cli/engine/open-engine.ts";

/** What `--docker key=value,…` says. */
export type EndpointOptions = Readonly<Record<string, string>>;

/** Below the summary of `context create` and `update`. */
export function endpointDescription(summary: string, verb: string): string {
  return `${summary}

Docker endpoint config:

NAME                DESCRIPTION
from                Copy named context's Docker endpoint configuration
host                Docker endpoint on which to connect
ca                  Trust certs signed only by this CA
cert                Path to TLS certificate file
key                 Path to TLS key file
skip-tls-verify     Skip TLS certificate validation

Example:

$ wharf context ${verb} my-context --description "some description" --docker "host=tcp://myserver:2376,ca=~/ca-file,cert=~/cert-file,key=~/key-file"`;
}

export function endpointFlag(): Flag<EndpointOptions> {
  return customFlag<EndpointOptions>(
    "stringToString",
    "set the docker endpoint",
    "[]",
    {},
    (text, before) => {
      const options: Record<string, string> = { ...before };
      for (const pair of splitCsvLine(text)) {
        const [key, value] = cutAt(pair, "=");
        if (value === undefined) {
          throw new InvalidArgumentError(`${pair} must be formatted as key=value`);
        }
        options[key] = value;
      }
      return options;
    },
  );
}

/** An endpoint and its certificates, ready to be stored. */
export interface StoredEndpoint {
  readonly endpoint: ContextEndpoint;
  readonly tls: TlsFiles;
}

const knownKeys: readonly string[] = ["from", "host", "ca", "cert", "key", "skip-tls-verify"];

/** @throws {InvalidArgumentError} For an unknown key, a bad host or a file that cannot be read. */
export function readEndpointOptions(cli: Cli, options: EndpointOptions): StoredEndpoint {
  const unknown = Object.keys(options).find((key) => !knownKeys.includes(key));
  if (unknown !== undefined) throw refuse(`unrecognized config key: ${unknown}`);
  const { from, host = "", ca, cert, key } = options;
  if (from !== undefined) return copyEndpoint(cli, from);
  const tls = {
    ...pemOption("ca.pem", ca),
    ...pemOption("cert.pem", cert),
    ...pemOption("key.pem", key),
  };
  parseEndpoint(host, Object.keys(tls).length > 0);
  const skips = options["skip-tls-verify"] ?? "false";
  if (!["true", "false", "1", "0"].includes(skips)) {
    throw refuse(`skip-tls-verify: ${JSON.stringify(skips)} is neither true nor false`);
  }
  return { endpoint: { Host: host, SkipTLSVerify: skips === "true" || skips === "1" }, tls };
}

function refuse(why: string): InvalidArgumentError {
  return new InvalidArgumentError(`unable to create docker endpoint config: ${why}`);
}

function pemOption(name: string, path: string | undefined): TlsFiles {
  if (path === undefined || path === "") return {};
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw refuse(messageOf(error));
  }
  if (!new TextDecoder().decode(bytes).includes("-----BEGIN ")) {
    throw refuse(`${name} seems invalid: ${path} is no PEM file`);
  }
  return { [name]: bytes };
}

/** The endpoint of another context, or of the environment for `default`. */
export function copyEndpoint(cli: Cli, name: string): StoredEndpoint {
  if (name === defaultContextName) return environmentEndpoint(cli);
  const store = new ContextStore(cli.globals.configDir);
  const endpoint = dockerEndpoint(store.read(name));
  return { endpoint, tls: store.readTls(name) };
}

/** @throws {InvalidArgumentError} When the context names no docker endpoint. */
export function dockerEndpoint(meta: ContextMeta): ContextEndpoint {
  const endpoint = meta.Endpoints["docker"];
  if (!endpoint) throw refuse(`context "${meta.Name}" does not have a docker endpoint`);
  return endpoint;
}

/** What `default` stands for: the flags and variables of this call. */
export function environmentEndpoint(cli: Cli): StoredEndpoint {
  const { address, tls } = resolveEngine({
    globals: { ...cli.globals, context: defaultContextName, hosts: [] },
    env: { ...cli.env, DOCKER_HOST: cli.globals.hosts[0] ?? cli.env["DOCKER_HOST"] },
    config: cli.config,
  });
  const files: Record<string, Uint8Array> = {};
  const encoder = new TextEncoder();
  if (tls?.ca) files["ca.pem"] = encoder.encode(tls.ca);
  if (tls?.cert) files["cert.pem"] = encoder.encode(tls.cert);
  if (tls?.key) files["key.pem"] = encoder.encode(tls.key);
  return { endpoint: { Host: address, SkipTLSVerify: tls ? !tls.verify : false }, tls: files };
}
