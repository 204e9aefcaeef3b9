import { InvalidArgumentError, assertNever } from "#base/errors.ts";
import { formatRfc3339Fixed } from "#base/rfc3339.ts";
import type { LogAttributes, LogBatch, LogReadRequest } from "#logs/logs.ts";
import { parseUnixTimestamp } from "#spec/engine-api/timestamps.ts";
import { type ApiVersion, isAtLeast } from "#spec/engine-api/version.ts";
import { streamErrorMessage } from "#api/errors.ts";
import { type Exchange, beginStream, pathPart, writePiece } from "#api/exchange.ts";
import type { HijackExchange } from "#api/hijack.ts";
import {
  FRAME_HEAD_BYTES,
  MULTIPLEXED_STREAM_TYPE,
  RAW_STREAM_TYPE,
  putFrameHead,
  frameOutput,
} from "#api/output-frames.ts";
import type { Query } from "#api/query.ts";
import type { ContainersBackend } from "./backend.ts";

/** Media type of a container's output: only since API 1.42 does it say which of the two it is. */
export function outputType(version: ApiVersion, terminal: boolean): string {
  return !terminal && isAtLeast(version, "1.42") ? MULTIPLEXED_STREAM_TYPE : RAW_STREAM_TYPE;
}

function timestamp(query: Query, name: string): bigint | undefined {
  const text = query.text(name);
  if (text === "" || text === "0") return undefined;
  return parseUnixTimestamp(text);
}

function tailCount(text: string): number | undefined {
  return /^[0-9]{1,15}$/.test(text) ? Number(text) : undefined; // "all", -1 and nonsense: all
}

/** As `outputType`, for a connection that is taken over: without an upgrade it is always raw. */
export function hijackedType(exchange: HijackExchange, terminal: boolean): string {
  return exchange.isUpgrade ? outputType(exchange.version, terminal) : RAW_STREAM_TYPE;
}

/** @throws {InvalidArgumentError} With Docker's texts. */
export function parseLogsQuery(query: Query): Omit<LogReadRequest, "writerGone"> {
  const stdout = query.boolean("stdout");
  const stderr = query.boolean("stderr");
  if (!stdout && !stderr) {
    throw new InvalidArgumentError("must specify at least one of 'stdout' or 'stderr'");
  }
  const sinceNanos = timestamp(query, "since");
  const untilNanos = timestamp(query, "until");
  const tail = tailCount(query.text("tail"));
  return {
    stdout,
    stderr,
    follow: query.boolean("follow"),
    ...(sinceNanos === undefined ? {} : { sinceNanos }),
    ...(untilNanos === undefined ? {} : { untilNanos }),
    ...(tail === undefined ? {} : { tail }),
  };
}

interface LogFormat {
  readonly timestamps: boolean;
  /** What the log driver's options chose of labels and variables, and a blank. */
  readonly details: boolean;
  readonly isFramed: boolean;
}

/** Log entries as `logs` sends them, a frame each: what was asked for in front. */
export function formatLogBatch(batch: LogBatch, format: LogFormat): Uint8Array {
  const { content, ends, streams } = batch;
  const isPrefixed = format.timestamps || format.details;
  if (!isPrefixed && !format.isFramed) return content;
  const headBytes = format.isFramed ? FRAME_HEAD_BYTES : 0;
  const prefixes = isPrefixed ? logPrefixes(batch, format) : [];
  const prefixBytes = prefixes.reduce((sum, prefix) => sum + prefix.length, 0);
  const out = Buffer.allocUnsafe(content.length + prefixBytes + batch.count * headBytes);
  let at = 0;
  let from = 0;
  for (let index = 0; index < batch.count; index++) {
    const to = ends[index] ?? from;
    const prefix = prefixes[index] ?? "";
    if (format.isFramed) {
      putFrameHead(out, at, streams[index] ?? "stdout", prefix.length + to - from);
      at += headBytes;
    }
    if (prefix !== "") at += out.write(prefix, at, "latin1");
    at += content.copy(out, at, from, to);
    from = to;
  }
  return out;
}

/** Of each entry, ASCII only. Most share their second with the one before: it is written once. */
function logPrefixes(batch: LogBatch, format: LogFormat): readonly string[] {
  let secondNanos: bigint | undefined;
  let second = "";
  return batch.secondsNanos.map((nanos, index) => {
    let prefix = "";
    if (format.timestamps) {
      if (nanos !== secondNanos) second = formatRfc3339Fixed(nanos).slice(0, -FRACTION_BYTES);
      secondNanos = nanos;
      prefix = `${second}${String(batch.fractionsNanos[index] ?? 0).padStart(9, "0")}Z `;
    }
    return format.details ? `${prefix}${formatAttributes(batch.attributes[index])} ` : prefix;
  });
}

/** Nine digits and a Z. */
const FRACTION_BYTES = 10;

/** As Docker: sorted, escaped as in a URL's query, commas between. */
function formatAttributes(attributes: LogAttributes = {}): string {
  return Object.entries(attributes)
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([name, value]) => `${queryEscape(name)}=${queryEscape(value)}`)
    .join(",");
}

function queryEscape(text: string): string {
  return encodeURIComponent(text.toWellFormed())
    .replace(/[!'()*]/g, (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll("%20", "+");
}

/** `GET /containers/{id}/logs` */
export async function sendLogs(exchange: Exchange, containers: ContainersBackend): Promise<void> {
  const { query, signal } = exchange;
  const request = parseLogsQuery(query);
  const { terminal, batches } = containers.logs(pathPart(exchange, "id"), request, signal);
  const options = {
    timestamps: query.boolean("timestamps"),
    details: query.boolean("details"),
    isFramed: !terminal,
  };
  beginStream(exchange, outputType(exchange.version, terminal));
  try {
    for await (const batch of batches) {
      if (batch.count > 0) await writePiece(exchange, formatLogBatch(batch, options));
    }
  } catch (error) {
    if (signal.aborted) return exchange.response.end();
    const text = Buffer.from(`Error grabbing logs: ${streamErrorMessage(error)}\n`);
    await writePiece(exchange, terminal ? text : frameOutput("stderr", text));
  }
  exchange.response.end();
}

/** Order of Docker's `logs=1` of attach: everything so far, without times. */
export function replayRequest(streams: {
  readonly stdout: boolean;
  readonly stderr: boolean;
}): Omit<LogReadRequest, "writerGone"> {
  return { ...streams, follow: false };
}

/** Whether a stream was asked for. */
export function isWanted(
  streams: { readonly stdout: boolean; readonly stderr: boolean },
  stream: "stdout" | "stderr",
): boolean {
  switch (stream) {
    case "stdout":
      return streams.stdout;
    case "stderr":
      return streams.stderr;
    default:
      return assertNever(stream);
  }
}
