import { InvalidArgumentError } from "#base/errors.ts";
import { buildId, wharfVersion } from "#base/version.ts";
import { parseApiVersion } from "#client/api-version.ts";
import { type TlsMaterial, connectSocket } from "#client/connect-socket.ts";
import {
  chooseEngine,
  type EngineChoice,
  type EngineHints,
} from "#client/contexts/choose-engine.ts";
import { ContextStore } from "#client/contexts/context-store.ts";
import { parseEndpoint } from "#client/endpoint.ts";
import {
  type EngineClient,
  type EngineClientOptions,
  openEngineClient,
} from "#client/engine-client.ts";
import { readTlsFiles } from "#client/tls-files.ts";
import type { Cli } from "./cli.ts";
import type { TlsOptions } from "./globals.ts";

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
  const store = new ContextStore(configDir);
  const endpoint = store.read(choice.name).Endpoints["docker"];
  if (!endpoint || endpoint.Host === "") {
    throw new InvalidArgumentError(
      `Cannot use context "${choice.name}": it names no docker endpoint`,
    );
  }
  const files = store.readTls(choice.name);
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

/** The client of the engine that the user means; nothing is connected yet. */
export function openEngine(cli: Cli): EngineClient {
  const { address, tls, isNamed } = resolveEngine(cli);
  const endpoint = parseEndpoint(address, tls !== undefined);
  const pinned = cli.env["DOCKER_API_VERSION"];
  const options: EngineClientOptions = {
    endpoint,
    userAgent: `Wharf-Client/${wharfVersion} (${process.platform}; ${buildId})`,
    headers: cli.config.httpHeaders,
    ...(tls ? { tls } : {}),
    ...(pinned ? { apiVersion: parseApiVersion(pinned) } : {}),
  };
  if (isNamed || endpoint.kind !== "unix") return openEngineClient(options);
  const connect = async (): ReturnType<typeof connectSocket> => {
    try {
      return await connectSocket({ unix: endpoint.path });
    } catch (error) {
      const { startEngine } = await import("./autostart.ts");
      await startEngine(cli, endpoint.path, error);
      return connectSocket({ unix: endpoint.path });
    }
  };
  return openEngineClient({ ...options, connect });
}
