import { createServer, type Server, type Socket } from "node:net";
import { NotFoundError } from "#base/errors.ts";
import { digestOf } from "#spec/digest.ts";
import { OCI_CONFIG, OCI_MANIFEST } from "#spec/media-types.ts";

/** One request as the registry saw it. */
export interface SeenRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
}

/** What goes wrong with one answer. */
export type Fault =
  | {
      readonly kind: "status";
      readonly status: number;
      readonly headers?: readonly string[];
      readonly body?: string;
    }
  /** The connection ends after so many bytes of the body. */
  | { readonly kind: "cut"; readonly afterBytes: number }
  /** A whole answer of so many bytes, as if there were no more. */
  | { readonly kind: "shortened"; readonly toBytes: number }
  /** One byte is another. */
  | { readonly kind: "corrupted" }
  /** Goes on behind its end, without having told a length. */
  | { readonly kind: "endless" }
  /** Ranges are not understood. */
  | { readonly kind: "whole" }
  /** True, but only when something else has happened. */
  | { readonly kind: "held"; readonly until: Promise<void> };

const ENDLESS_CHUNK_BYTES = 65_536;
/** First byte of a client that tries TLS first. */
const TLS_HANDSHAKE = 0x16;

interface Item {
  readonly bytes: Uint8Array;
  readonly type: string;
}

/** A registry of one repository, read only, that does wrong as the test says. */
export class FaultRegistry implements AsyncDisposable {
  readonly requests: SeenRequest[] = [];
  /** Decides of each request what goes wrong with its answer. */
  fault: (request: SeenRequest) => Fault | undefined = () => undefined;
  readonly #items = new Map<string, Item>();
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<FaultRegistry> {
    const server = createServer();
    const registry = new FaultRegistry(server);
    server.on("connection", (socket) => registry.#serve(socket));
    const { promise, resolve } = Promise.withResolvers<void>();
    server.listen(0, "127.0.0.1", resolve);
    await promise;
    return registry;
  }

  /** `127.0.0.1:PORT`. */
  get domain(): string {
    const address = this.#server.address();
    return `127.0.0.1:${typeof address === "object" && address ? address.port : 0}`;
  }

  /** Connections that are open now. */
  get connectionCount(): number {
    return this.#sockets.size;
  }

  /** What it has at a path below `/v2/`. */
  item(path: string): { readonly bytes: Uint8Array; readonly type: string } {
    const found = this.#items.get(`/v2/${path}`);
    if (!found) throw new NotFoundError(`No ${path}`);
    return found;
  }

  addBlob(
    repository: string,
    bytes: Uint8Array,
  ): { readonly digest: string; readonly size: number } {
    const digest = digestOf(bytes);
    this.#items.set(`/v2/${repository}/blobs/${digest}`, {
      bytes,
      type: "application/octet-stream",
    });
    return { digest, size: bytes.byteLength };
  }

  addManifest(repository: string, tag: string, type: string, value: unknown): string {
    const bytes = Buffer.from(typeof value === "string" ? value : JSON.stringify(value));
    const digest = digestOf(bytes);
    for (const reference of [tag, digest]) {
      this.#items.set(`/v2/${repository}/manifests/${reference}`, { bytes, type });
    }
    return digest;
  }

  /**
   * An image of these layers.
   *
   * @param layers With the media type that the manifest gives each.
   * @param change Makes the manifest lie.
   */
  addImage(
    repository: string,
    tag: string,
    layers: readonly {
      readonly mediaType: string;
      readonly bytes: Uint8Array;
      readonly diffId: string;
    }[],
    change: (manifest: Record<string, unknown>) => unknown = (manifest) => manifest,
  ): string {
    const config = {
      architecture: "amd64",
      os: "linux",
      config: { Cmd: ["sh"] },
      rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
    };
    const manifest = {
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      config: {
        mediaType: OCI_CONFIG,
        ...this.addBlob(repository, Buffer.from(JSON.stringify(config))),
      },
      layers: layers.map(({ mediaType, bytes }) => ({
        mediaType,
        ...this.addBlob(repository, bytes),
      })),
    };
    return this.addManifest(repository, tag, OCI_MANIFEST, change(manifest));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    await promise;
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    let pending = "";
    socket.on("data", (chunk) => {
      if (chunk[0] === TLS_HANDSHAKE) return socket.destroy();
      pending += chunk.toString("latin1");
      for (;;) {
        const end = pending.indexOf("\r\n\r\n");
        if (end < 0) return;
        const head = pending.slice(0, end);
        pending = pending.slice(end + 4);
        this.#answer(socket, head);
      }
    });
  }

  #answer(socket: Socket, head: string): void {
    const [first = "", ...lines] = head.split("\r\n");
    const [method = "", path = ""] = first.split(" ");
    const headers = new Map(
      lines.map((line) => {
        const colon = line.indexOf(":");
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
      }),
    );
    const request = { method, path, headers };
    this.requests.push(request);
    const fault = this.fault(request);
    if (fault?.kind === "status") {
      const body = fault.body ?? "";
      reply(
        socket,
        fault.status,
        [...(fault.headers ?? []), `Content-Length: ${body.length}`],
        Buffer.from(body),
      );
      return;
    }
    const item =
      path === "/v2/"
        ? { bytes: Buffer.from("{}"), type: "application/json" }
        : this.#items.get(path);
    if (!item) {
      const body = JSON.stringify({
        errors: [{ code: "MANIFEST_UNKNOWN", message: "manifest unknown" }],
      });
      reply(socket, 404, [`Content-Length: ${body.length}`], Buffer.from(body));
      return;
    }
    if (fault?.kind === "held") {
      void fault.until.then(() => sendItem(socket, request, item, undefined));
      return;
    }
    sendItem(socket, request, item, fault);
  }
}

function sendItem(
  socket: Socket,
  { method, headers }: SeenRequest,
  item: Item,
  fault: Exclude<Fault, { readonly kind: "status" | "held" }> | undefined,
): void {
  const offset = Number(/^bytes=(\d+)-$/.exec(headers.get("range") ?? "")?.[1] ?? "0");
  const start = fault?.kind === "whole" ? 0 : offset;
  let bytes = Buffer.from(item.bytes.subarray(start));
  if (fault?.kind === "corrupted" && bytes.length > 0) {
    const at = bytes.length >> 1;
    bytes[at] = (bytes[at] ?? 0) ^ 0xff;
  }
  if (fault?.kind === "shortened") bytes = bytes.subarray(0, fault.toBytes);
  const lines = [
    `Content-Type: ${item.type}`,
    `Content-Length: ${bytes.length}`,
    `Docker-Content-Digest: ${digestOf(item.bytes)}`,
    ...(start > 0
      ? [`Content-Range: bytes ${start}-${item.bytes.length - 1}/${item.bytes.length}`]
      : []),
  ];
  if (fault?.kind === "endless" && method !== "HEAD") {
    socket.write(
      `HTTP/1.1 200 Status\r\nContent-Type: ${item.type}\r\nTransfer-Encoding: chunked\r\n\r\n`,
    );
    writeEndlessly(socket, bytes);
    return;
  }
  const body = method === "HEAD" ? Buffer.alloc(0) : bytes;
  if (fault?.kind === "cut") {
    reply(socket, start > 0 ? 206 : 200, lines, body.subarray(0, fault.afterBytes), true);
  } else {
    reply(socket, start > 0 ? 206 : 200, lines, body);
  }
}

/** The bytes, then as many as the other side takes. */
function writeEndlessly(socket: Socket, bytes: Uint8Array): void {
  let chunk = bytes;
  const more = (): void => {
    if (socket.destroyed) return;
    const hasRoom = socket.write(
      Buffer.concat([Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from("\r\n")]),
    );
    chunk = Buffer.alloc(ENDLESS_CHUNK_BYTES);
    if (hasRoom) setImmediate(more);
    else socket.once("drain", more);
  };
  more();
}

function reply(
  socket: Socket,
  status: number,
  headers: readonly string[],
  body: Uint8Array,
  isCut = false,
): void {
  socket.write(`HTTP/1.1 ${status} Status\r\n${headers.join("\r\n")}\r\n\r\n`);
  socket.write(body);
  if (isCut) socket.end();
}
