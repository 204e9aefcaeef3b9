import { UnavailableError } from "#base/errors.ts";

/** Longest single message accepted, as a bound on memory. */
const maxMessageBytes = 16 * 1024 * 1024;

/**
 * Parses a stream of JSON values that end with a line break each, as `/events`, `/images/load` and
 * `/containers/{id}/stats` send them.
 *
 * @throws {UnavailableError} When a line is no JSON or too long.
 */
export async function* parseJsonStream<Message>(
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Message> {
  for await (const line of readJsonLines(source)) yield parseLine<Message>(line);
}

/** The same stream's lines as text, for numbers that JavaScript's would round. */
export async function* readJsonLines(source: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let waiting = "";
  for await (const chunk of source) {
    const text = decoder.decode(chunk, { stream: true });
    if (!text.includes("\n")) {
      waiting += text;
      if (waiting.length > maxMessageBytes) throw new UnavailableError("message is too long");
      continue;
    }
    const lines = (waiting + text).split("\n");
    waiting = lines.pop() ?? "";
    for (const line of lines) if (line.trim() !== "") yield line;
  }
  waiting += decoder.decode();
  if (waiting.trim() !== "") yield waiting;
}

function parseLine<Message>(line: string): Message {
  try {
    return JSON.parse(line) as Message; // the engine's schema, named by the caller
  } catch (error) {
    const start = line.slice(0, 80);
    throw new UnavailableError(`malformed JSON in the answer: ${JSON.stringify(start)}`, {
      cause: error,
    });
  }
}
