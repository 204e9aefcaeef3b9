import { FLAG, HEADER_BYTES, PLAIN_UDP_BYTES, RCODE } from "./constants.ts";
import { foldCase } from "./name.ts";
import { endOfPlainName, findOpt } from "./walk.ts";

/** A question as a client asks it. */
export interface Query {
  readonly kind: "query";
  /** The whole message. */
  readonly message: Buffer;
  readonly type: number;
  readonly class: number;
  /** The name's bytes, a character each, ASCII letters folded: what names are compared by. */
  readonly key: string;
  /** Where the question ends. */
  readonly questionEnd: number;
  /** What the client takes by UDP, in bytes. */
  readonly maxUdpBytes: number;
  readonly hasEdns: boolean;
}

/** A message that is answered with a code alone. */
export interface Unusable {
  readonly kind: "unusable";
  readonly message: Buffer;
  readonly rcode: number;
  /** The header's length where the question cannot be repeated. */
  readonly questionEnd: number;
  readonly hasEdns: boolean;
}

/**
 * Reads what came to port 53.
 *
 * @returns Undefined for what no answer may be given to: an answer, or less than a header.
 */
export function parseQuery(message: Buffer): Query | Unusable | undefined {
  if (message.length < HEADER_BYTES) return undefined;
  const flags = message.readUInt16BE(2);
  if ((flags & FLAG.response) !== 0) return undefined;
  const unusable = (rcode: number, questionEnd = HEADER_BYTES, hasEdns = false): Unusable => ({
    kind: "unusable",
    message,
    rcode,
    questionEnd,
    hasEdns,
  });
  if ((flags & FLAG.opcode) !== 0) return unusable(RCODE.notImplemented);
  const answers = message.readUInt16BE(6);
  const authorities = message.readUInt16BE(8);
  const additional = message.readUInt16BE(10);
  // A zone transfer's or a signed query has one or two records; more is nobody's question.
  const isUsual = message.readUInt16BE(4) === 1 && answers <= 1 && authorities <= 1;
  if (!isUsual || additional > 2) return unusable(RCODE.formatError);
  const nameEnd = endOfPlainName(message, HEADER_BYTES);
  if (nameEnd < 0 || nameEnd + 4 > message.length) return unusable(RCODE.formatError);
  const questionEnd = nameEnd + 4;
  const count = answers + authorities + additional;
  const opt = count === 0 ? undefined : findOpt(message, questionEnd, count);
  if (opt === "malformed") return unusable(RCODE.formatError);
  if (opt && ((opt.ttl >>> 16) & 0xff) !== 0) {
    return unusable(RCODE.badVersion, questionEnd, true);
  }
  return {
    kind: "query",
    message,
    type: message.readUInt16BE(nameEnd),
    class: message.readUInt16BE(nameEnd + 2),
    key: foldCase(message.toString("latin1", HEADER_BYTES, nameEnd)),
    questionEnd,
    maxUdpBytes: Math.max(PLAIN_UDP_BYTES, opt?.class ?? 0),
    hasEdns: opt !== undefined,
  };
}
