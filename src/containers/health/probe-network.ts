import { messageOf } from "#base/errors.ts";
import type { Sockets, TcpConnection } from "#host/sockets.ts";
import type { HttpTarget, TcpTarget } from "#spec/engine-api/health-target.ts";
import { ProbeOutput } from "./probe-output.ts";

/** What a check showed, without its times. */
export interface ProbeOutcome {
  readonly exitCode: number;
  readonly output: string;
}

export type ProbeSockets = Pick<Sockets, "connectTcp">;

const MAX_HEAD_BYTES = 16 * 1024;
const LOCALHOST = ["127.0.0.1", "::1"];

/** Well when something accepts the connection. */
export async function probeTcp(
  sockets: ProbeSockets,
  namespacePath: string,
  target: TcpTarget,
  signal: AbortSignal,
): Promise<ProbeOutcome> {
  const connected = await connect(sockets, namespacePath, target, signal);
  if ("output" in connected) return connected;
  connected.connection[Symbol.dispose]();
  return { exitCode: 0, output: `Connected to ${authorityOf(connected.address, target.port)}` };
}

/** Well with a status from 200 to 399. Redirects are not followed: they would lead away from the container. */
export async function probeHttp(
  sockets: ProbeSockets,
  namespacePath: string,
  target: HttpTarget,
  signal: AbortSignal,
): Promise<ProbeOutcome> {
  const connected = await connect(sockets, namespacePath, target, signal);
  if ("output" in connected) return connected;
  using connection = connected.connection;
  const close = (): void => connection[Symbol.dispose]();
  signal.addEventListener("abort", close, { once: true });
  try {
    connection.write(new TextEncoder().encode(requestText(target)));
    return await readAnswer(connection, signal);
  } finally {
    signal.removeEventListener("abort", close);
  }
}

function requestText(target: HttpTarget): string {
  return [
    `GET ${target.path} HTTP/1.1`,
    `Host: ${authorityOf(target.host, target.port)}`,
    "User-Agent: wharf-health",
    "Accept: */*",
    "Connection: close",
    "\r\n",
  ].join("\r\n");
}

async function readAnswer(connection: TcpConnection, signal: AbortSignal): Promise<ProbeOutcome> {
  let head = Buffer.alloc(0);
  let status: { readonly code: number; readonly text: string } | undefined;
  const body = new ProbeOutput();
  for await (const bytes of connection.data()) {
    if (status) {
      body.add(bytes);
    } else {
      head = Buffer.concat([head, bytes]);
      const end = head.indexOf("\r\n\r\n");
      if (end < 0 && head.byteLength > MAX_HEAD_BYTES) break;
      if (end < 0) continue;
      status = parseStatusLine(head.toString("latin1"));
      if (!status) break;
      body.add(head.subarray(end + 4));
    }
    if (body.isFull) break;
  }
  signal.throwIfAborted();
  if (!status) return { exitCode: 1, output: "The answer is not HTTP" };
  const text = body.toString();
  return {
    exitCode: status.code >= 200 && status.code < 400 ? 0 : 1,
    output: text === "" ? status.text : `${status.text}\n${text}`,
  };
}

/** @returns `HTTP 204 No Content`; undefined for what is no answer. */
function parseStatusLine(
  head: string,
): { readonly code: number; readonly text: string } | undefined {
  const match = /^HTTP\/1\.[01] ([1-9][0-9]{2})(?: ([^\r\n]*))?\r\n/.exec(head);
  if (!match) return undefined;
  return { code: Number(match[1]), text: `HTTP ${match[1]} ${match[2] ?? ""}`.trimEnd() };
}

/** `localhost` is tried by IPv4 first; a program that listens on IPv6 alone is found too. */
async function connect(
  sockets: ProbeSockets,
  namespacePath: string,
  target: TcpTarget,
  signal: AbortSignal,
): Promise<{ readonly connection: TcpConnection; readonly address: string } | ProbeOutcome> {
  const addresses = target.host === "localhost" ? LOCALHOST : [target.host];
  let failure = "";
  for (const address of addresses) {
    try {
      const { port } = target;
      const connection = await sockets.connectTcp({ namespacePath, address, port }, signal);
      return { connection, address };
    } catch (error) {
      signal.throwIfAborted();
      failure ||= `Cannot connect to ${authorityOf(address, target.port)}: ${messageOf(error)}`;
    }
  }
  return { exitCode: 1, output: failure };
}

function authorityOf(host: string, port: number): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}
