import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { digestOf } from "#spec/digest.ts";

/** One request as the registry saw it. */
export interface SeenUpload {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly range: string | undefined;
  readonly authorization: string | undefined;
}

/** What goes wrong with one request. */
export type UploadFault =
  /** Answered so, and nothing is done. */
  | {
      readonly kind: "status";
      readonly status: number;
      readonly code?: string;
      readonly headers?: Readonly<Record<string, string>>;
    }
  /** The connection ends when so many bytes of the body have come; they count. */
  | { readonly kind: "cut"; readonly afterBytes: number }
  /** Done, but the connection ends before the answer. */
  | { readonly kind: "unanswered" }
  /** Done, and the answer ends within its head. */
  | { readonly kind: "truncated" }
  /** One byte of the body comes as another. */
  | { readonly kind: "corrupted" }
  /** Nothing is known of any upload any more. */
  | { readonly kind: "lost" }
  /** True, but only when something else has happened. */
  | { readonly kind: "held"; readonly until: Promise<void> }
  /** Sent on to the same path of the registry's other address. */
  | { readonly kind: "elsewhere" };

interface Upload {
  readonly repository: string;
  received: Buffer;
}

/** A registry in memory that takes blobs and manifests, and does wrong as the test says. */
export class UploadRegistry implements AsyncDisposable {
  readonly requests: SeenUpload[] = [];
  /** By repository and digest: `a/b@sha256:…`. */
  readonly blobs: Map<string, Buffer> = new Map();
  /** By repository and tag or digest: `a/b:1`. */
  readonly manifests: Map<string, { readonly type: string; readonly bytes: Buffer }> = new Map();
  /** Uploads that neither ended nor were called off. */
  readonly uploads: Map<string, Upload> = new Map();
  /** Answers to `PUT` of a manifest; `OCI-Subject` by its subject. */
  subjectOf: (manifest: Buffer) => string | undefined = () => undefined;
  /** Decides of each request what goes wrong. */
  fault: (request: SeenUpload) => UploadFault | undefined = () => undefined;
  readonly #sockets = new Set<Socket>();
  readonly #servers: readonly Server[];
  #nextUpload = 1;

  private constructor(servers: readonly Server[]) {
    this.#servers = servers;
  }

  static async start(): Promise<UploadRegistry> {
    const servers = [createServer(), createServer()];
    const registry = new UploadRegistry(servers);
    for (const server of servers) {
      server.on("connection", (socket: Socket) => {
        registry.#sockets.add(socket);
        socket.on("close", () => registry.#sockets.delete(socket));
      });
      server.on("request", (request, response) => void registry.#serve(request, response));
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    }
    return registry;
  }

  /** `127.0.0.1:PORT`. */
  get domain(): string {
    return this.#domains()[0] ?? "";
  }

  /** Where `elsewhere` leads. */
  get otherDomain(): string {
    return this.#domains()[1] ?? "";
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#servers) {
      server.closeAllConnections();
      for (const socket of this.#sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    }
  }

  #domains(): readonly string[] {
    return this.#servers.map((server) => `127.0.0.1:${(server.address() as AddressInfo).port}`);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { socket } = request;
    request.on("error", () => undefined); // a cut is what the tests are about
    const seen: SeenUpload = {
      method: request.method ?? "",
      path: request.url ?? "",
      range: request.headers["content-range"],
      authorization: request.headers.authorization,
    };
    this.requests.push(seen);
    const fault = this.fault(seen);
    if (fault?.kind === "held") await fault.until;
    if (fault?.kind === "lost") this.uploads.clear();
    if (fault?.kind === "status") {
      // read, so that the refusal is not lost with a connection that is closed upon bytes under way
      if (!(await drain(request))) return;
      refuse(response, fault.status, fault.code ?? "UNKNOWN", fault.headers);
      return;
    }
    if (fault?.kind === "elsewhere") {
      response.writeHead(307, { Location: `http://${this.otherDomain}${seen.path}` }).end();
      return;
    }
    const url = new URL(seen.path, "http://registry");
    const upload = this.uploads.get(url.pathname);
    const chunks: Buffer[] = [];
    let receivedBytes = 0;
    const maxBytes = fault?.kind === "cut" ? fault.afterBytes : Infinity;
    try {
      for await (const chunk of request as AsyncIterable<Buffer>) {
        chunks.push(chunk);
        receivedBytes += chunk.length;
        if (receivedBytes >= maxBytes) break;
      }
    } catch {
      return; // the client has gone
    }
    const body = Buffer.concat(chunks);
    if (fault?.kind === "cut") {
      if (upload && isNext(upload, seen)) {
        upload.received = Buffer.concat([upload.received, body.subarray(0, maxBytes)]);
      }
      socket.destroy();
      return;
    }
    if (fault?.kind === "corrupted" && body.length > 0) {
      const at = body.length >> 1;
      body[at] = (body[at] ?? 0) ^ 0xff;
    }
    const answer = this.#do(seen, url, body);
    if (fault?.kind === "unanswered") socket.destroy();
    else if (fault?.kind === "truncated") {
      socket.write(`HTTP/1.1 ${answer.status} Status\r\nContent-Le`, () => {
        socket.destroy();
      });
    } else {
      response.writeHead(answer.status, answer.headers ?? {}).end(answer.body);
    }
  }

  #do(seen: SeenUpload, url: URL, body: Buffer): Answer {
    const { method } = seen;
    if (url.pathname === "/v2/") return { status: 200, body: "{}" };
    const manifest = /^\/v2\/(.+)\/manifests\/(.+)$/.exec(url.pathname);
    if (manifest) return this.#manifest(method, `${manifest[1]}:${manifest[2]}`, body, url);
    const blob = /^\/v2\/(.+)\/blobs\/(sha256:[0-9a-f]{64})$/.exec(url.pathname);
    if (blob) {
      const known = this.blobs.get(`${blob[1]}@${blob[2]}`);
      if (!known) return refusal(404, "BLOB_UNKNOWN");
      const headers = { "Content-Length": String(known.length) };
      return { status: 200, headers, ...(method === "GET" ? { body: known } : {}) };
    }
    const start = /^\/v2\/(.+)\/blobs\/uploads\/$/.exec(url.pathname);
    if (start && method === "POST") {
      const path = `${url.pathname}${this.#nextUpload++}`;
      this.uploads.set(path, { repository: start[1] ?? "", received: Buffer.alloc(0) });
      return { status: 202, headers: { Location: path, Range: "0-0" } };
    }
    return this.#upload(seen, url, body);
  }

  #upload(seen: SeenUpload, url: URL, body: Buffer): Answer {
    const upload = this.uploads.get(url.pathname);
    if (!upload) return refusal(404, "BLOB_UPLOAD_UNKNOWN");
    if (seen.method === "DELETE") {
      this.uploads.delete(url.pathname);
      return { status: 204 };
    }
    if (seen.method !== "GET") {
      if (!isNext(upload, seen)) return refusal(416, "BLOB_UPLOAD_INVALID");
      upload.received = Buffer.concat([upload.received, body]);
    }
    const headers = {
      Location: url.pathname,
      Range: `0-${Math.max(upload.received.length - 1, 0)}`,
    };
    if (seen.method !== "PUT") return { status: seen.method === "GET" ? 204 : 202, headers };
    this.uploads.delete(url.pathname);
    const digest = url.searchParams.get("digest") ?? "";
    if (digestOf(upload.received) !== digest) return refusal(400, "DIGEST_INVALID");
    this.blobs.set(`${upload.repository}@${digest}`, upload.received);
    return { status: 201, headers: { Location: `/v2/${upload.repository}/blobs/${digest}` } };
  }

  #manifest(method: string, name: string, body: Buffer, url: URL): Answer {
    if (method !== "PUT") {
      const known = this.manifests.get(name);
      if (!known) return refusal(404, "MANIFEST_UNKNOWN");
      const headers = {
        "Content-Type": known.type,
        "Content-Length": String(known.bytes.length),
        "Docker-Content-Digest": digestOf(known.bytes),
      };
      return { status: 200, headers, ...(method === "GET" ? { body: known.bytes } : {}) };
    }
    const repository = /^\/v2\/(.+)\/manifests\//.exec(url.pathname)?.[1] ?? "";
    const value = JSON.parse(body.toString()) as Readonly<Record<string, unknown>>;
    const type = typeof value["mediaType"] === "string" ? value["mediaType"] : "";
    const digest = digestOf(body);
    for (const key of [name, `${repository}:${digest}`]) {
      this.manifests.set(key, { type, bytes: body });
    }
    const subject = this.subjectOf(body);
    const headers = { "Docker-Content-Digest": digest };
    return { status: 201, headers: subject ? { ...headers, "OCI-Subject": subject } : headers };
  }
}

interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

function isNext(upload: Upload, { range }: SeenUpload): boolean {
  return range === undefined || Number(range.split("-")[0]) === upload.received.length;
}

function refusal(status: number, code: string): Answer {
  const body = JSON.stringify({ errors: [{ code, message: code.toLowerCase() }] });
  return { status, headers: { "Content-Type": "application/json" }, body };
}

/** @returns Whether the client is still there. */
async function drain(request: IncomingMessage): Promise<boolean> {
  try {
    for await (const _chunk of request) continue;
    return true;
  } catch {
    return false;
  }
}

function refuse(
  response: ServerResponse,
  status: number,
  code: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  const answer = refusal(status, code);
  response.writeHead(status, { ...answer.headers, ...headers }).end(answer.body);
}
