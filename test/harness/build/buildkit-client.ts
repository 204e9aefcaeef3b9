import { createConnection } from "node:net";
import { randomUUID } from "node:crypto";
import { HijackedConnection } from "#api/hijacked-connection.ts";
import { SocketInput } from "#api/socket-input.ts";
import { RpcClient } from "#rpc/client.ts";
import type { RpcCall, RpcMethods } from "#rpc/method.ts";
import { serveRpc } from "#rpc/server.ts";
import { writeGoMode } from "#spec/buildkit/go-file-mode.ts";
import {
  CONTROL_SERVICE,
  type Exporter,
  SOLVE_REQUEST,
  SOLVE_RESPONSE,
  STATUS_REQUEST,
  STATUS_RESPONSE,
} from "#spec/buildkit/control.ts";
import {
  FILE_SYNC,
  type FileStat,
  PACKET,
  PACKET_DATA,
  PACKET_FINISHED,
  PACKET_REQUEST,
  PACKET_STAT,
} from "#spec/buildkit/session.ts";
import type { TestEngine } from "../engine.ts";

/** Takes a connection of the engine over, as docker's clients do. */
export async function upgrade(
  engine: TestEngine,
  path: string,
  headers: readonly string[] = [],
): Promise<HijackedConnection> {
  const socket = createConnection(engine.socket);
  const head = ["Host:", "Connection: Upgrade", "Upgrade: h2c", ...headers].join("\r\n");
  socket.write(`POST ${path} HTTP/1.1\r\n${head}\r\n\r\n`);
  const input = new SocketInput(socket, new Uint8Array());
  const status = await input.takeLine(1024);
  if (!status?.includes(" 101 ")) throw new Error(`${path} answered ${status ?? "nothing"}`);
  for (let line: string | undefined = status; line !== ""; line = await input.takeLine(1024)) {
    if (line === undefined) throw new Error(`${path} broke off`);
  }
  return new HijackedConnection(socket, input);
}

/** A file of a context that a test makes up. */
export function fileStat(
  path: string,
  content: string | undefined,
  more: Partial<FileStat> = {},
): FileStat {
  return {
    path,
    mode: content === undefined ? writeGoMode("directory", 0o755) : writeGoMode("file", 0o644),
    uid: 0,
    gid: 0,
    sizeBytes: content?.length ?? 0,
    modifiedNanos: 1_700_000_000_000_000_000n,
    linkName: "",
    deviceMajor: 0,
    deviceMinor: 0,
    xattrs: new Map(),
    ...more,
  };
}

/** `FileSync.DiffCopy` of files that are given by name; a folder has no content. In the order of their names. */
export async function* sendFiles(
  files: Readonly<Record<string, string>>,
  { requests }: RpcCall,
): AsyncGenerator<Uint8Array> {
  const names = Object.keys(files);
  for (const name of names) {
    yield PACKET.encode({ type: PACKET_STAT, stat: fileStat(name, files[name]) });
  }
  yield PACKET.encode({ type: PACKET_STAT });
  for await (const message of requests) {
    const { type, id } = PACKET.decode(message);
    if (type === PACKET_FINISHED) {
      yield PACKET.encode({ type: PACKET_FINISHED });
      return;
    }
    if (type !== PACKET_REQUEST) continue;
    const data = Buffer.from(files[names[id] ?? ""] ?? "");
    if (data.byteLength > 0) yield PACKET.encode({ type: PACKET_DATA, id, data });
    yield PACKET.encode({ type: PACKET_DATA, id });
  }
}

export interface TestBuild {
  readonly attributes?: Readonly<Record<string, string>>;
  readonly exporters?: readonly Exporter[];
  readonly sharedKey?: string;
  /** Of the session. */
  readonly methods: RpcMethods;
}

/** A client of BuildKit's API that a test drives by hand. */
export class BuildkitClient implements AsyncDisposable {
  readonly #engine: TestEngine;
  readonly #ending = new AbortController();
  readonly #serving: Promise<void>[] = [];
  readonly control: RpcClient;

  private constructor(engine: TestEngine, control: RpcClient) {
    this.#engine = engine;
    this.control = control;
  }

  static async connect(engine: TestEngine): Promise<BuildkitClient> {
    return new BuildkitClient(engine, new RpcClient(await upgrade(engine, "/grpc")));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.control[Symbol.asyncDispose]();
    this.#ending.abort();
    await Promise.allSettled(this.#serving);
  }

  /** @returns The session's id. */
  async openSession(methods: RpcMethods, sharedKey = ""): Promise<string> {
    const id = randomUUID();
    const connection = await upgrade(this.#engine, "/session", [
      `X-Docker-Expose-Session-Uuid: ${id}`,
      `X-Docker-Expose-Session-Sharedkey: ${sharedKey}`,
      ...[...methods.keys()].map((name) => `X-Docker-Expose-Session-Grpc-Method: ${name}`),
    ]);
    const options = { methods, onFailure: () => undefined };
    this.#serving.push(serveRpc(connection, options, this.#ending.signal));
    return id;
  }

  /** Builds by the frontend for Dockerfiles. @returns What the exporters said, and what progress did. */
  async build(
    build: TestBuild,
    signal: AbortSignal = AbortSignal.timeout(30_000),
  ): Promise<{
    readonly response: ReadonlyMap<string, string>;
    readonly logs: string;
  }> {
    const ref = randomUUID();
    const sessionId = await this.openSession(build.methods, build.sharedKey);
    const logs = this.#logs(ref, signal);
    logs.catch(() => undefined); // awaited below, where the build did not fail
    const codecs = { request: SOLVE_REQUEST, response: SOLVE_RESPONSE };
    const { exporterResponse } = await this.control.call(
      `${CONTROL_SERVICE}Solve`,
      codecs,
      {
        ref,
        sessionId,
        frontend: "dockerfile.v0",
        frontendAttributes: new Map(Object.entries(build.attributes ?? {})),
        exporters: build.exporters ?? [],
      },
      signal,
    );
    return { response: exporterResponse, logs: await logs };
  }

  async #logs(ref: string, signal: AbortSignal): Promise<string> {
    await using stream = await this.control.open(`${CONTROL_SERVICE}Status`, {}, signal);
    await stream.send(STATUS_REQUEST.encode({ ref }));
    stream.end();
    let text = "";
    for await (const message of stream.messages) {
      for (const { message: bytes } of STATUS_RESPONSE.decode(message).logs) {
        text += Buffer.from(bytes).toString();
      }
    }
    return text;
  }
}

/** The services of a client that has these files, for every folder that is asked for. */
export function filesMethods(files: Readonly<Record<string, string>>): RpcMethods {
  return new Map([[FILE_SYNC, (call: RpcCall) => sendFiles(files, call)]]);
}
