import { ConflictError } from "#base/errors.ts";
import { parseDetachKeys } from "#api/detach-keys.ts";
import { streamErrorMessage } from "#api/errors.ts";
import { pathPart } from "#api/exchange.ts";
import type { HijackExchange, HijackedStream } from "#api/hijack.ts";
import { frameOutput } from "#api/output-frames.ts";
import { type PumpOptions, pumpStreams } from "./attach-pump.ts";
import type { ContainersBackend } from "./backend.ts";
import { formatLogBatch, hijackedType, replayRequest } from "./logs-route.ts";

/** How the client of an attach is answered. */
export interface AttachAnswer {
  accept(contentType: string): HijackedStream;
  /** A websocket's messages are bare output, also without a terminal. */
  readonly mayFrame: boolean;
}

/**
 * `POST /containers/{id}/attach` and its websocket twin. The connection is taken over before the
 * container runs: `docker run` attaches first and starts when it has our `101`.
 */
export async function attachContainer(
  exchange: HijackExchange,
  containers: ContainersBackend,
  answer: AttachAnswer,
): Promise<void> {
  const { query, signal } = exchange;
  const id = pathPart(exchange, "id");
  const detachKeys = parseDetachKeys(query.text("detachKeys"));
  await exchange.skipBody();
  const { record } = await containers.get(id);
  const { Tty: terminal, OpenStdin, StdinOnce } = record.config;
  if (record.state.status === "running" && record.state.paused) {
    throw new ConflictError(`container ${id} is paused, unpause the container before attach`);
  }
  const options: PumpOptions = {
    terminal,
    isFramed: answer.mayFrame && !terminal,
    stdin: query.boolean("stdin") && OpenStdin,
    stdout: query.boolean("stdout"),
    stderr: query.boolean("stderr"),
    closesStdin: StdinOnce && !terminal,
    detachKeys,
  };
  // Registered before the answer: the client starts the container as soon as it reads it.
  const joined = query.boolean("stream")
    ? await containers.attach(record.id, signal, { outputOnly: !options.stdin })
    : undefined;
  const client = answer.accept(hijackedType(exchange, terminal));
  try {
    if (query.boolean("logs")) await replay(client, containers, record.id, options, signal);
    if (joined) await pumpStreams(client, joined.stream, options, signal);
  } catch (error) {
    if (!signal.aborted) await reportInStream(client, options.isFramed, error);
  }
  await client.end();
}

async function replay(
  client: HijackedStream,
  containers: ContainersBackend,
  id: string,
  options: PumpOptions,
  signal: AbortSignal,
): Promise<void> {
  const streams = { stdout: options.stdout, stderr: options.stderr };
  if (!streams.stdout && !streams.stderr) return;
  const { batches } = containers.logs(id, replayRequest(streams), signal);
  const format = { timestamps: false, details: false, isFramed: options.isFramed };
  for await (const batch of batches) await client.write(formatLogBatch(batch, format));
}

/** After the takeover an error can only be told as output: Docker does so too, on stdout. */
export async function reportInStream(
  client: HijackedStream,
  isFramed: boolean,
  error: unknown,
): Promise<void> {
  const text = Buffer.from(`${streamErrorMessage(error)}\r\n`);
  await client.write(isFramed ? frameOutput("stdout", text) : text);
}
