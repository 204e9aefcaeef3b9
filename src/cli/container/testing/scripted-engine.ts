import { type EngineClient, openEngineClient } from "#client/engine-client.ts";
import { MemoryConnection } from "#client/testing/memory-connection.ts";

/** One request as the script sees it, and the connection that it came on. */
export interface ScriptedRequest {
  /** `POST /containers/x/start`, without version and query. */
  readonly route: string;
  /** Query and body of the request. */
  readonly query: URLSearchParams;
  readonly body: unknown;
  readonly connection: MemoryConnection;
}

/** An engine in memory that can also hand connections over, as `attach` and `exec` do. */
export interface ScriptedEngine {
  readonly client: EngineClient;
  /** `METHOD path?query` of each request so far, `_ping` left out. */
  readonly requests: readonly string[];
}

/** Answers by the route; what has no script is not found. */
export function scriptEngine(
  routes: Readonly<Record<string, (request: ScriptedRequest) => void>>,
  options: { readonly isExperimental?: boolean } = {},
): ScriptedEngine {
  const requests: string[] = [];
  const serve = (connection: MemoryConnection, text: string): void => {
    const [head = "", body = ""] = text.split("\r\n\r\n");
    const [method = "", target = ""] = head.split(" ");
    const url = new URL(target.replace(/^\/v1\.\d+/, ""), "http://engine");
    if (url.pathname === "/_ping") {
      const experimental = `Docker-Experimental: ${options.isExperimental === true}\r\n`;
      return answer(connection, "200 OK", "", `Api-Version: 1.51\r\n${experimental}`);
    }
    const route = `${method} ${url.pathname}`;
    requests.push(`${route}${decodeURIComponent(url.search)}`);
    const script = routes[route];
    const parsed: unknown = body === "" ? undefined : JSON.parse(body);
    if (script) script({ route, query: url.searchParams, body: parsed, connection });
    else refuse(connection, 404, "page not found");
  };
  const client = openEngineClient({
    endpoint: { kind: "unix", path: "/engine.sock", text: "unix:///engine.sock" },
    userAgent: "test",
    connect: () => Promise.resolve(new ScriptedConnection(serve)),
  });
  return { client, requests };
}

class ScriptedConnection extends MemoryConnection {
  readonly #serve: (connection: MemoryConnection, text: string) => void;
  #isHandedOver = false;

  constructor(serve: (connection: MemoryConnection, text: string) => void) {
    super();
    this.#serve = serve;
  }

  override async write(bytes: Uint8Array): Promise<void> {
    if (this.#isHandedOver) return super.write(bytes);
    const text = Buffer.from(bytes).toString("utf8");
    this.#isHandedOver = text.includes("Upgrade: tcp");
    this.#serve(this, text);
  }
}

export function answer(
  connection: MemoryConnection,
  status: string,
  body: string,
  headers = "",
): void {
  const length = `Content-Length: ${Buffer.byteLength(body)}\r\n`;
  connection.feed(`HTTP/1.1 ${status}\r\n${headers}${length}\r\n${body}`);
}

export function answerJson({ connection }: ScriptedRequest, value: unknown): void {
  answer(connection, "200 OK", JSON.stringify(value));
}

export function refuse(connection: MemoryConnection, status: number, message: string): void {
  answer(connection, `${status} Refused`, JSON.stringify({ message }));
}

/** Hands the connection over; what is fed to it from then on is the process's output. */
export function handOver({ connection }: ScriptedRequest): void {
  connection.feed("HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n");
}

/** One piece of output of a process without TTY: 1 is stdout, 2 stderr, 3 the engine's own word. */
export function frame(stream: 1 | 2 | 3, text: string): Uint8Array {
  return Buffer.concat([Buffer.from([stream, 0, 0, 0, 0, 0, 0, text.length]), Buffer.from(text)]);
}
