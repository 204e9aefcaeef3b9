import { InvalidArgumentError } from "#base/errors.ts";
import { buildId, wharfVersion } from "#base/version.ts";
import { parseApiVersion } from "#client/api-version.ts";
import type { TlsMaterial } from "#client/connect-socket.ts";
import type { Connection } from "#client/connection.ts";
import {
  chooseEngine,
  defaultEngineAddress,
  type EngineChoice,
  type EngineHints,
} from "#client/contexts/choose-engine.ts";
import {
  defaultContextName,
  readContext,
  readContextTls,
} from "#client/contexts/stored-context.ts";
import { dialEndpoint } from "#client/dial.ts";
import { type Endpoint, parseEndpoint } from "#client/endpoint.ts";
import { type EngineClient, openEngineClient } from "#client/engine-client.ts";
import { readTlsFiles } from "#client/tls-files.ts";
import type { Cli } from "#cli/cli.ts";
import type { TlsOptions } from "#cli/command/globals.ts";

/** Everything about this call that may name an engine. */
export function engineHints(cli: Pick<Cli, "globals" | "env" | "config">): EngineHints {
  return {
    hosts: cli.globals.hosts,
    context: cli.globals.context,
    hostVariable: cli.env["DOCKER_HOST"] || undefined,
    contextVariable: cli.env["DOCKER_CONTEXT"] || undefined,
    currentContext: cli.config.currentContext,
  };
}

/** Where an engine is and how to talk to it, before anything is opened. */
export interface EngineAddress {
  readonly address: string;
  readonly tls: TlsMaterial | undefined;
  /** False when nothing named an engine: Wharf's own may then be started. */
  readonly isNamed: boolean;
}

/** @throws {InvalidArgumentError} When flags contradict or certificates cannot be read. */
export function resolveEngine(cli: Pick<Cli, "globals" | "env" | "config">): EngineAddress {
  const choice = chooseEngine(engineHints(cli));
  if (choice.kind === "context") return resolveContext(cli.globals.configDir, choice);
  const tls = cli.globals.tls.isOn ? flagTls(cli.globals.tls) : undefined;
  return { address: choice.address, tls, isNamed: choice.isNamed };
}

function resolveContext(
  configDir: string,
  choice: EngineChoice & { readonly kind: "context" },
): EngineAddress {
  const endpoint = readContext(configDir, choice.name).Endpoints["docker"];
  if (!endpoint || endpoint.Host === "") {
    throw new InvalidArgumentError(
      `Cannot use context "${choice.name}": it names no docker endpoint`,
    );
  }
  const files = readContextTls(configDir, choice.name);
  const pem = (name: string): string | undefined =>
    files[name] && new TextDecoder().decode(files[name]);
  const [ca, cert, key] = [pem("ca.pem"), pem("cert.pem"), pem("key.pem")];
  const usesTls = ca !== undefined || cert !== undefined || endpoint.SkipTLSVerify;
  const tls: TlsMaterial = {
    verify: !endpoint.SkipTLSVerify,
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
  return { address: endpoint.Host, tls: usesTls ? tls : undefined, isNamed: true };
}

function flagTls(options: TlsOptions): TlsMaterial {
  return readTlsFiles(
    {
      ca: { path: options.caFile, mayBeMissing: !options.isNamed.ca },
      cert: { path: options.certFile, mayBeMissing: !options.isNamed.cert },
      key: { path: options.keyFile, mayBeMissing: !options.isNamed.key },
    },
    options.verify,
  );
}

/**
 * The client of the engine that the user means; nothing is connected yet.
 *
 * @param options.mayStart False: an engine that does not run is not started.
 */
export function openEngine(cli: Cli, options: { readonly mayStart?: boolean } = {}): EngineClient {
  const resolved = resolveEngine(cli);
  return clientOf(cli, options.mayStart === false ? { ...resolved, isNamed: true } : resolved);
}

/**
 * The client of another engine than the one in force; nothing is connected yet.
 *
 * @param name An address (`ssh://host`, `tcp://host:2376`, with the certificates of `--tls`), or a context's name.
 */
export function openNamedEngine(cli: Cli, name: string): EngineClient {
  const { configDir, tls } = cli.globals;
  if (name.includes("://")) {
    const material = tls.isOn && !name.startsWith("unix:") ? flagTls(tls) : undefined;
    return clientOf(cli, { address: name, tls: material, isNamed: true });
  }
  if (name !== defaultContextName) {
    return clientOf(cli, resolveContext(configDir, { kind: "context", name }));
  }
  const address = cli.env["DOCKER_HOST"] || defaultEngineAddress;
  return clientOf(cli, { address, tls: undefined, isNamed: true });
}

function clientOf(cli: Cli, target: EngineAddress): EngineClient {
  const endpoint = endpointOf(target);
  const pinned = cli.env["DOCKER_API_VERSION"];
  return openEngineClient({
    endpoint,
    userAgent: `Wharf-Client/${wharfVersion} (${process.platform}; ${buildId})`,
    headers: cli.config.httpHeaders,
    connect: () => connectEngine(cli, target),
    ...(pinned ? { apiVersion: parseApiVersion(pinned) } : {}),
  });
}

function endpointOf(target: EngineAddress): Endpoint {
  return parseEndpoint(target.address, target.tls !== undefined);
}

/** A bare connection; Wharf's own engine is started first where nothing names one and none runs. */
export async function connectEngine(cli: Cli, target: EngineAddress): Promise<Connection> {
  const endpoint = endpointOf(target);
  try {
    return await dialEndpoint(endpoint, target.tls);
  } catch (error) {
    if (target.isNamed || endpoint.kind !== "unix") throw error;
    const { startEngine } = await import("./autostart.ts");
    await startEngine(cli, endpoint.path, error);
    return dialEndpoint(endpoint, undefined);
  }
}
