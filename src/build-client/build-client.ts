import { statSync } from "node:fs";
import { setTimeout as delayed } from "node:timers/promises";
import { CancelledError, NotFoundError, UnsupportedError } from "#base/errors.ts";
import type { EngineClient } from "#client/engine-client.ts";
import { RpcClient } from "#rpc/client.ts";
import { serveRpc } from "#rpc/server.ts";
import { StatusError } from "#rpc/status.ts";
import {
  CONTROL_SERVICE,
  LIST_WORKERS_RESPONSE,
  SOLVE_REQUEST,
  SOLVE_RESPONSE,
  type SolveRequest,
  STATUS_REQUEST,
  STATUS_RESPONSE,
  type StatusResponse,
} from "#spec/buildkit/control.ts";
import {
  BUILD_ID_KEY,
  EXEC_CAPABILITY,
  GATEWAY_SERVICE,
  GATEWAY_SOLVE_REQUEST,
  GATEWAY_SOLVE_RESPONSE,
  type GatewayResult,
  PONG_RESPONSE,
  RETURN_REQUEST,
  type ReturnRequest,
} from "#spec/buildkit/gateway.ts";
import { SESSION_FOLDER_HEADER } from "#spec/buildkit/session.ts";
import { EMPTY, type WorkerRecord } from "#spec/buildkit/shared.ts";
import { digestHex, digestOf } from "#spec/digest.ts";
import { toBuildFailure } from "./build-failure.ts";
import { type BuildInputs, inputsOf } from "./build-inputs.ts";
import type { BuildRequest } from "./build-request.ts";
import { type FailedRun, failedRunOf } from "./debug/failed-run.ts";
import type { Gateway } from "./debug/gateway.ts";
import type { CredentialLookup } from "./session/credentials.ts";
import { tagLocalCaches } from "./plan/local-caches.ts";
import { sessionMethods } from "./session-methods.ts";

/** Who is told of a build as it goes on. */
export interface BuildWatcher {
  onStatus(status: StatusResponse): void;
}

export interface BuildClientOptions {
  readonly engine: Pick<EngineClient, "endpoint" | "takeOver">;
  readonly credentials: CredentialLookup;
  /** What the session is told of that fails on our side; for debugging. */
  readonly onFailure?: (method: string, error: unknown) => void;
}

/** What an exporter said: `containerimage.digest`, `image.name`, … */
export type BuildResponse = ReadonlyMap<string, string>;

/** How long progress may take to end once the build has. */
const STATUS_END_MS = 3_000;
const FRONTEND = "dockerfile.v0";
/** Of a shared key: as much of the digest as BuildKit's clients give. */
const SHARED_KEY_LENGTH = 64;

/** BuildKit's API of one engine. Holds a connection from the first call on. */
export class BuildClient implements AsyncDisposable {
  readonly #options: BuildClientOptions;
  #control: Promise<RpcClient> | undefined;
  #isClosed = false;

  constructor(options: BuildClientOptions) {
    this.#options = options;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    await this.#control?.then(
      (control) => control[Symbol.asyncDispose](),
      () => undefined, // whoever asked for it was told
    );
  }

  /**
   * Builds, and gives the result to the outputs. An abort ends the build on the engine, and leaves nothing of it on either
   * side but finished steps.
   *
   * @throws {BuildFailedError} In the engine's words. {CancelledError} The signal.
   */
  async build(
    request: BuildRequest,
    watcher: BuildWatcher,
    signal: AbortSignal,
  ): Promise<BuildResponse> {
    const { exporterResponse } = await this.#running(request, watcher, signal, {
      frontend: FRONTEND,
      frontendAttributes: request.attributes,
      ...(request.inputs ? { frontendInputs: request.inputs } : {}),
    });
    const manifest = exporterResponse.get("cache.manifest");
    if (manifest !== undefined) tagLocalCaches(request.cacheExports, manifest);
    return exporterResponse;
  }

  /**
   * Builds, and keeps hold of the result so that other builds can take files from it.
   *
   * @throws {BuildFailedError} In the engine's words. {UnsupportedError} The engine gives no such result.
   */
  async buildInput(
    request: BuildRequest,
    watcher: BuildWatcher,
    signal: AbortSignal,
  ): Promise<{ readonly response: BuildResponse; readonly inputs: BuildInputs }> {
    let inputs: BuildInputs = new Map();
    const { exporterResponse } = await this.#running(request, watcher, signal, {}, async (ref) => {
      const result = await solveBy(this.#gatewayOf(ref), request, signal);
      if (result) inputs = inputsOf(result);
      await this.#gatewayOf(ref).call("Return", RETURN_CODECS, { result }, signal);
    });
    if (inputs.size > 0) return { response: exporterResponse, inputs };
    throw new UnsupportedError("Cannot take files from a target: the engine gives no result of it");
  }

  /**
   * Builds; when a RUN fails it is kept on the engine until `onFailed` settles, and the build fails then.
   *
   * @throws As `build`. {UnsupportedError} The engine keeps nothing of a step that failed.
   */
  async buildDebugging(
    request: BuildRequest,
    watcher: BuildWatcher,
    onFailed: (run: FailedRun) => Promise<void>,
    signal: AbortSignal,
  ): Promise<BuildResponse> {
    const failureSeen = Promise.withResolvers<void>();
    const seeing: BuildWatcher = {
      onStatus: (status) => {
        watcher.onStatus(status);
        if (status.vertices.some(({ error }) => error !== "")) failureSeen.resolve();
      },
    };
    const { exporterResponse } = await this.#running(request, seeing, signal, {}, async (ref) => {
      const gateway = this.#gatewayOf(ref);
      await checkKeepsFailures(gateway, signal);
      let outcome: Partial<ReturnRequest>;
      try {
        outcome = { result: await solveBy(gateway, request, signal) };
      } catch (error) {
        if (!(error instanceof StatusError)) throw error;
        const run = failedRunOf(error, gateway);
        if (run) {
          // what the step has said may come after the answer
          await Promise.race([failureSeen.promise, delayed(STATUS_END_MS, undefined, { signal })]);
          await onFailed(run);
        }
        outcome = { error: error.status };
      }
      await gateway.call("Return", RETURN_CODECS, outcome, signal);
    });
    return exporterResponse;
  }

  /**
   * Asks the frontend something else than to build: `frontend.lint`, `frontend.outline`, `frontend.targets`.
   *
   * @returns `result.txt`, `result.json`, `result.statuscode`.
   */
  async call(
    request: BuildRequest,
    requestId: string,
    watcher: BuildWatcher,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, Uint8Array>> {
    let metadata: ReadonlyMap<string, Uint8Array> = new Map();
    await this.#running({ ...request, outputs: [] }, watcher, signal, {}, async (ref) => {
      const attributes = new Map([
        ...request.attributes,
        ["frontend.caps", "moby.buildkit.frontend.subrequests"],
        ["requestid", requestId],
      ]);
      const gateway = { frontend: FRONTEND, attributes, cacheImports: request.cacheImports };
      const codecs = { request: GATEWAY_SOLVE_REQUEST, response: GATEWAY_SOLVE_RESPONSE };
      const { result } = await this.#gatewayOf(ref).call("Solve", codecs, gateway, signal);
      metadata = result?.metadata ?? metadata;
      // dockerd 28 dies of a Return without a result
      const returned = { ref: undefined, refs: undefined, metadata, attestations: new Map() };
      await this.#gatewayOf(ref).call("Return", RETURN_CODECS, { result: returned }, signal);
    });
    return metadata;
  }

  /** Whether the engine has BuildKit's API. @throws What else stands in the way of reaching it. */
  async isThere(): Promise<boolean> {
    try {
      await this.#connected();
      return true;
    } catch (error) {
      if (error instanceof NotFoundError || error instanceof UnsupportedError) return false;
      throw error;
    }
  }

  /** What the engine builds with. */
  async workers(signal: AbortSignal): Promise<readonly WorkerRecord[]> {
    const control = await this.#connected();
    const codecs = { request: EMPTY, response: LIST_WORKERS_RESPONSE };
    return (await control.call(`${CONTROL_SERVICE}ListWorkers`, codecs, {}, signal)).records;
  }

  #gatewayOf(ref: string): Gateway {
    const metadata = { [BUILD_ID_KEY]: ref };
    return {
      call: async (method, codecs, request, signal) => {
        const control = await this.#connected();
        return await control.call(`${GATEWAY_SERVICE}${method}`, codecs, request, signal, metadata);
      },
      open: async (method, signal) => {
        const control = await this.#connected();
        return await control.open(`${GATEWAY_SERVICE}${method}`, metadata, signal);
      },
    };
  }

  /** @param drive Drives a build that the engine leaves to us. */
  async #running(
    request: BuildRequest,
    watcher: BuildWatcher,
    signal: AbortSignal,
    how: Partial<SolveRequest>,
    drive?: (ref: string) => Promise<void>,
  ): Promise<{ readonly exporterResponse: BuildResponse }> {
    const ref = newId();
    await using stack = new AsyncDisposableStack();
    const sessionId = newId();
    const [control] = await Promise.all([
      this.#connected(),
      this.#openSession(sessionId, request, stack, signal),
    ]);
    const ending = new AbortController();
    const failing = new AbortController();
    const told = this.#tellStatus(control, ref, watcher, ending.signal);
    const solving = control.call(
      `${CONTROL_SERVICE}Solve`,
      { request: SOLVE_REQUEST, response: SOLVE_RESPONSE },
      { ref, sessionId, ...how, ...toWire(request) },
      AbortSignal.any([signal, failing.signal]),
    );
    try {
      const [response] = await Promise.all([solving, drive?.(ref)]);
      return response;
    } catch (error) {
      failing.abort();
      if (signal.aborted) throw new CancelledError("context canceled", { cause: error });
      throw toBuildFailure(error);
    } finally {
      const timer = setTimeout(() => ending.abort(), STATUS_END_MS);
      await told;
      clearTimeout(timer);
    }
  }

  /** Ends with the build; what breaks off earlier is the build's to tell. */
  async #tellStatus(
    control: RpcClient,
    ref: string,
    watcher: BuildWatcher,
    signal: AbortSignal,
  ): Promise<void> {
    try {
      await using stream = await control.open(`${CONTROL_SERVICE}Status`, {}, signal);
      await stream.send(STATUS_REQUEST.encode({ ref }));
      stream.end();
      for await (const message of stream.messages)
        watcher.onStatus(STATUS_RESPONSE.decode(message));
    } catch {
      // what the build itself ends with says more
    }
  }

  #connected(): Promise<RpcClient> {
    if (this.#isClosed) throw new CancelledError("the build client is closed");
    this.#control ??= this.#options.engine
      .takeOver("/grpc", "h2c")
      .then((connection) => new RpcClient(connection));
    return this.#control;
  }

  async #openSession(
    id: string,
    request: BuildRequest,
    stack: AsyncDisposableStack,
    signal: AbortSignal,
  ): Promise<void> {
    const { engine, credentials, onFailure = () => undefined } = this.#options;
    const methods = sessionMethods(request, credentials);
    const headers = {
      "X-Docker-Expose-Session-Uuid": id,
      "X-Docker-Expose-Session-Name": "wharf",
      "X-Docker-Expose-Session-Sharedkey": sharedKeyOf(request),
      "X-Docker-Expose-Session-Grpc-Method": [...methods.keys()],
      ...(engine.endpoint.kind === "unix"
        ? { [SESSION_FOLDER_HEADER]: folderHeaders(request) }
        : {}),
    };
    const connection = await engine.takeOver("/session", "h2c", headers, signal);
    const ending = new AbortController();
    const serving = serveRpc(connection, { methods, onFailure }, ending.signal);
    stack.defer(async () => {
      ending.abort();
      await serving;
    });
  }
}

const RETURN_CODECS = { request: RETURN_REQUEST, response: EMPTY } as const;

/** @returns Undefined where the engine says nothing of the result. */
async function solveBy(
  gateway: Gateway,
  { attributes, cacheImports, inputs }: BuildRequest,
  signal: AbortSignal,
): Promise<GatewayResult | undefined> {
  const { result } = await gateway.call(
    "Solve",
    { request: GATEWAY_SOLVE_REQUEST, response: GATEWAY_SOLVE_RESPONSE },
    {
      frontend: FRONTEND,
      attributes,
      allowsResult: true,
      allowsDefinitions: true,
      evaluates: true,
      cacheImports,
      ...(inputs ? { inputs } : {}),
    },
    signal,
  );
  return result;
}

/** @throws {UnsupportedError} */
async function checkKeepsFailures(gateway: Gateway, signal: AbortSignal): Promise<void> {
  const codecs = { request: EMPTY, response: PONG_RESPONSE };
  const { frontend } = await gateway.call("Ping", codecs, {}, signal);
  if (frontend.some(({ id, isEnabled }) => id === EXEC_CAPABILITY && isEnabled)) return;
  throw new UnsupportedError(
    "Cannot debug: the engine's BuildKit runs nothing where a step failed",
  );
}

/** 32 hex digits. */
function newId(): string {
  return crypto.randomUUID().replaceAll("-", "");
}

function toWire(request: BuildRequest): Partial<SolveRequest> {
  const exporters = request.outputs.map(({ type, attributes }) => ({ type, attributes }));
  const [first] = exporters;
  return {
    // engines before BuildKit 0.13 read these
    ...(first ? { exporterType: first.type, exporterAttributes: first.attributes } : {}),
    exporters,
    entitlements: request.entitlements,
    cache: { exports: request.cacheExports, imports: request.cacheImports },
  };
}

/** The same for the same context, so that the engine knows again what it was sent. */
function sharedKeyOf({ folders }: BuildRequest): string {
  const context = folders.get("context");
  if (context === undefined) return "";
  return digestHex(digestOf(`wharf:${context}`)).slice(0, SHARED_KEY_LENGTH);
}

function folderHeaders({ folders }: BuildRequest): readonly string[] {
  return [...folders].flatMap(([name, path]) => {
    const found = statSync(path, { throwIfNoEntry: false });
    if (!found?.isDirectory()) return [];
    return [`${encodeURIComponent(name)} ${found.dev}:${found.ino} ${encodeURIComponent(path)}`];
  });
}
