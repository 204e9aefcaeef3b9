import { FLAG, HEADER_BYTES, RCODE } from "./constants.ts";
import { foldCase } from "./name.ts";
import type { Query } from "./query.ts";
import { endOfPlainName, hasWholeRecords } from "./walk.ts";

/**
 * What a message from a server is worth.
 *
 * - `foreign`: no answer to this question. Somebody guesses, or it comes late: the right one may follow.
 * - `failed`: the server cannot say; another one may.
 * - `answer`: for the client.
 */
export type Verdict = "foreign" | "failed" | "answer";

/** @param id The one that the question went out with. */
export function judgeAnswer(query: Query, id: number, message: Buffer): Verdict {
  if (message.length < HEADER_BYTES || message.readUInt16BE(0) !== id) return "foreign";
  const flags = message.readUInt16BE(2);
  if ((flags & FLAG.response) === 0 || (flags & FLAG.opcode) !== 0) return "foreign";
  const rcode = flags & FLAG.rcode;
  const questions = message.readUInt16BE(4);
  if (questions === 0 && rcode !== RCODE.noError) return "failed"; // it did not even read the question
  if (questions !== 1 || !repeatsQuestion(query, message)) return "foreign";
  if (rcode === RCODE.serverFailure || rcode === RCODE.refused) return "failed";
  if ((flags & FLAG.truncated) !== 0) return "answer";
  return hasWholeRecords(message, query.questionEnd) ? "answer" : "failed";
}

function repeatsQuestion(query: Query, message: Buffer): boolean {
  if (endOfPlainName(message, HEADER_BYTES) !== query.questionEnd - 4) return false;
  const name = foldCase(message.toString("latin1", HEADER_BYTES, query.questionEnd - 4));
  return (
    name === query.key &&
    message.length >= query.questionEnd &&
    message.readUInt16BE(query.questionEnd - 4) === query.type &&
    message.readUInt16BE(query.questionEnd - 2) === query.class
  );
}
