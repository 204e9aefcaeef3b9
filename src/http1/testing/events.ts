import { type ParserEvent, RequestParser } from "#http1/request-parser.ts";
import { UnreadableRequestError } from "#http1/refusal.ts";

/** What a parser made of bytes: one entry for each head, and the bodies whole, however the bytes came. */
export function readRequests(
  pieces: readonly Uint8Array[],
  maxHeadBytes = 1024,
): readonly string[] {
  const parser = new RequestParser(maxHeadBytes);
  const seen: string[] = [];
  let body: Uint8Array[] = [];
  const take = (event: ParserEvent): void => {
    switch (event.kind) {
      case "head": {
        const { method, target, minorVersion, fields } = event.head;
        const shown = fields.pairs().map(([name, value]) => `${name}=${value}`);
        seen.push(`${method} ${target} 1.${minorVersion} ${shown.join("|")} ${event.framing.kind}`);
        return;
      }
      case "body":
        body.push(...event.pieces);
        return;
      case "end":
        seen.push(`body ${Buffer.concat(body).toString("latin1")}`);
        body = [];
    }
  };
  try {
    for (const piece of pieces) {
      parser.push(Buffer.from(piece));
      for (let event = parser.next(); event; event = parser.next()) take(event);
    }
  } catch (error) {
    if (!(error instanceof UnreadableRequestError)) throw error;
    return [...seen, `refused ${error.status}: ${error.message}`];
  }
  if (body.length > 0) seen.push(`part ${Buffer.concat(body).toString("latin1")}`);
  return parser.waitingBytes > 0 ? [...seen, `waits ${parser.waitingBytes}`] : seen;
}
