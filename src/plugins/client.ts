import { readFileSync } from "node:fs";
import { type IncomingMessage, request as requestPlain, type RequestOptions } from "node:http";
import { request as requestOverTls } from "node:https";
import type { Sleep } from "#base/async.ts";
import {
  FailedPreconditionError,
  InvalidArgumentError,
  messageOf,
  UnavailableError,
} from "#base/errors.ts";
import { JsonReader } from "#base/json-reader.ts";
import { parseJson } from "#base/json.ts";
import { formatPluginAddress, type PluginAddress } from "./address.ts";

const MEDIA_TYPE = "application/vnd.docker.plugins.v1.2+json";
/** Longest answer: a list of volumes or a log entry, never data. */
const ANSWER_MAX_BYTES = 16 * 1024 * 1024;
/** From a call to the first byte of a stream. */
const OPEN_TIMEOUT_MS = 60_000;
const MAX_RETRY_DELAY_MS = 30_000;
/** Errors before anything was sent: the plugin cannot have seen the call, so it may be repeated. */
const UNSENT_CODES: ReadonlySet<string> = new Set(["ECONNREFUSED", "ENOENT", "EAGAIN"]);

/** How long a plugin that cannot be reached is tried again: 1, 2, 4 and 8 seconds apart, as Docker does. */
export const RETRY_MS = 30_000;

export interface CallOptions {
  /** For one answer, from the connection to the last byte. */
  readonly timeoutMs: number;
  /** Repeat the call for so long while the plugin cannot be connected to; 0 when absent. */
  readonly retryMs?: number;
  readonly signal?: AbortSignal;
}

export interface PluginClientOptions {
  readonly name: string;
  readonly address: PluginAddress;
  readonly sleep: Sleep;
  /** For each answer, whatever the call allows. */
  readonly timeoutMs?: number;
}

/** The plugin answered with an error of its own; the message is `METHOD: what it said`. */
export class PluginRefusedError extends FailedPreconditionError {
  /** It does not have the method: older than that part of the protocol. */
  readonly isUnknownMethod: boolean;

  constructor(message: string, options?: ErrorOptions & { readonly isUnknownMethod?: boolean }) {
    super(message, options);
    this.isUnknownMethod = options?.isUnknownMethod ?? false;
  }
}

/** Calls one plugin. Each call has a connection of its own, so a plugin that was restarted is reached. */
export class PluginClient {
  readonly name: string;
  readonly address: PluginAddress;
  readonly #sleep: Sleep;
  readonly #timeoutMs: number | undefined;

  constructor(options: PluginClientOptions) {
    this.name = options.name;
    this.address = options.address;
    this.#sleep = options.sleep;
    this.#timeoutMs = options.timeoutMs;
  }

  /**
   * @param method `VolumeDriver.Create`
   * @param body Sent as JSON; nothing when undefined.
   * @param read Takes what is needed from the answer; what it finds wrong is the plugin's fault.
   * @throws {PluginRefusedError} Its own words. {UnavailableError} No answer, in time or at all, or one
   *   that cannot be understood.
   */
  async call<Answer>(
    method: string,
    body: unknown,
    read: (answer: JsonReader) => Answer,
    given: CallOptions,
  ): Promise<Answer> {
    const options = { ...given, timeoutMs: this.#timeoutMs ?? given.timeoutMs };
    const payload = body === undefined ? Buffer.alloc(0) : Buffer.from(`${JSON.stringify(body)}\n`);
    let delayMs = 1000;
    let waitedMs = 0;
    for (;;) {
      options.signal?.throwIfAborted();
      try {
        return read(await this.#callOnce(method, payload, options));
      } catch (error) {
        const isOver = waitedMs + delayMs >= (options.retryMs ?? 0);
        if (!isUnsent(error) || isOver) throw this.#explain(method, error, options);
      }
      await this.#sleep(delayMs, options.signal);
      waitedMs += delayMs;
      delayMs = Math.min(delayMs * 2, MAX_RETRY_DELAY_MS);
    }
  }

  /**
   * A call whose answer is a stream of bytes without end.
   *
   * @throws As `call`, before the first byte; later what broke it off.
   */
  async open(
    method: string,
    body: unknown,
    signal: AbortSignal,
  ): Promise<AsyncIterable<Uint8Array>> {
    const timeoutMs = this.#timeoutMs ?? OPEN_TIMEOUT_MS;
    const begun = new AbortController();
    const late = setTimeout(() => begun.abort(new DOMException("", "TimeoutError")), timeoutMs);
    try {
      const payload = Buffer.from(`${JSON.stringify(body)}\n`);
      const both = AbortSignal.any([signal, begun.signal]);
      const answer = await this.#post(method, payload, both);
      if (answer.statusCode === 200) return answer as AsyncIterable<Uint8Array>;
      throw refusal(method, new TextDecoder().decode(await readAnswer(answer, both)));
    } catch (error) {
      throw this.#explain(method, error, { timeoutMs, signal });
    } finally {
      clearTimeout(late);
    }
  }

  async #callOnce(method: string, payload: Buffer, options: CallOptions): Promise<JsonReader> {
    const timeout = AbortSignal.timeout(options.timeoutMs);
    const signal = options.signal ? AbortSignal.any([options.signal, timeout]) : timeout;
    const answer = await this.#post(method, payload, signal);
    const text = new TextDecoder().decode(await readAnswer(answer, signal));
    if (answer.statusCode !== 200) throw refusal(method, text, answer.statusCode);
    return readObject(text);
  }

  async #post(method: string, payload: Buffer, signal: AbortSignal): Promise<IncomingMessage> {
    return await new Promise((resolve, reject) => {
      const isTls = this.address.kind === "tcp" && this.address.tls !== undefined;
      const send = isTls ? requestOverTls : requestPlain;
      const request = send({
        ...connectionOptions(this.address),
        method: "POST",
        path: `/${method}`,
        agent: false,
        signal,
        headers: {
          Accept: MEDIA_TYPE,
          "Content-Type": MEDIA_TYPE,
          "Content-Length": payload.byteLength,
        },
      });
      request.once("response", resolve);
      request.on("error", reject);
      request.end(payload);
    });
  }

  #explain(method: string, error: unknown, options: CallOptions): unknown {
    if (error instanceof PluginRefusedError) return error;
    if (options.signal?.aborted) return options.signal.reason;
    const where = `plugin ${JSON.stringify(this.name)} at ${formatPluginAddress(this.address)}`;
    return new UnavailableError(`${method}: ${where} ${howItFailed(error, options.timeoutMs)}`, {
      cause: error,
    });
  }
}

function connectionOptions(address: PluginAddress): RequestOptions {
  if (address.kind === "unix") return { socketPath: address.path, host: "plugin" };
  const { tls, ...where } = address;
  if (!tls) return { host: where.host, port: where.port };
  const read = (path: string | undefined): Buffer | undefined =>
    path === undefined ? undefined : readFileSync(path);
  const tlsOptions = {
    ca: read(tls.authorityPath),
    cert: read(tls.certificatePath),
    key: read(tls.keyPath),
    rejectUnauthorized: !tls.isInsecure,
  };
  return { host: where.host, port: where.port, ...tlsOptions };
}

async function readAnswer(answer: IncomingMessage, signal: AbortSignal): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      sizeBytes += chunk.byteLength;
      if (sizeBytes > ANSWER_MAX_BYTES) {
        throw new InvalidArgumentError(`more than ${ANSWER_MAX_BYTES} bytes`);
      }
      chunks.push(chunk);
    }
  } catch (error) {
    signal.throwIfAborted(); // the answer itself only says that it was reset
    throw error;
  }
  return Buffer.concat(chunks);
}

/** Some plugins answer nothing at all where there is nothing to say. */
function readObject(text: string): JsonReader {
  const isEmpty = text.trim() === "";
  return JsonReader.of(isEmpty ? {} : parseJson(text, { maxLength: ANSWER_MAX_BYTES }));
}

/** `{"Err": …}` with a status that is not 200; old plugins send the bare text. */
function refusal(method: string, text: string, status?: number): PluginRefusedError {
  let said = text.trim();
  try {
    said = readObject(text).string("Err") || said;
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error;
  }
  const isUnknownMethod = status === 404;
  return new PluginRefusedError(`${method}: ${said.slice(0, 4096)}`, { isUnknownMethod });
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

function isUnsent(error: unknown): boolean {
  return UNSENT_CODES.has(codeOf(error));
}

function howItFailed(error: unknown, timeoutMs: number): string {
  const name = error instanceof Error ? error.name : "";
  if (name === "TimeoutError" || name === "AbortError") {
    return `has not answered within ${timeoutMs / 1000} seconds`;
  }
  if (error instanceof InvalidArgumentError)
    return `answered what cannot be understood: ${error.message}`;
  switch (codeOf(error)) {
    case "ECONNREFUSED":
      return "is not running: connection refused";
    case "ENOENT":
      return "is not running: its socket is gone";
    case "ECONNRESET":
      return "closed the connection before it had answered";
    default:
      return `gave no usable answer: ${messageOf(error)}`;
  }
}
