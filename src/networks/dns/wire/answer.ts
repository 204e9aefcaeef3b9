import { CLASS_IN, FLAG, HEADER_BYTES, OWN_UDP_BYTES, RCODE, TYPE } from "./constants.ts";

/** What Docker tells; an address that changes sooner is seen by those who ask again. */
const TTL_SECONDS = 600;
/** A pointer to the question's name. */
const QUESTION_NAME = 0xc000 | HEADER_BYTES;
const RECORD_HEADER_BYTES = 12;
const OPT_BYTES = 11;

interface Answered {
  readonly message: Buffer;
  readonly questionEnd: number;
  readonly hasEdns: boolean;
}

/**
 * Records of one type for a question, each of the same number of bytes, the name a pointer to the question's.
 *
 * @param data What stands in each: addresses, or one name.
 */
export function encodeRecords(type: number, data: readonly Uint8Array[]): readonly Buffer[] {
  return data.map((bytes) => {
    const record = Buffer.alloc(RECORD_HEADER_BYTES + bytes.length);
    record.writeUInt16BE(QUESTION_NAME, 0);
    record.writeUInt16BE(type, 2);
    record.writeUInt16BE(CLASS_IN, 4);
    record.writeUInt32BE(TTL_SECONDS, 6);
    record.writeUInt16BE(bytes.length, 10);
    record.set(bytes, RECORD_HEADER_BYTES);
    return record;
  });
}

/**
 * An answer with records; without any it says that the name exists. Records that do not fit are left out, and the
 * client is told so.
 *
 * @param records From `encodeRecords`, in the order to be told.
 */
export function encodeAnswer(
  query: Answered,
  records: readonly Buffer[],
  maxBytes: number,
): Buffer {
  const recordBytes = records[0]?.length ?? 0;
  const room = maxBytes - query.questionEnd - (query.hasEdns ? OPT_BYTES : 0);
  const fitting = recordBytes === 0 ? 0 : Math.floor(room / recordBytes);
  const count = Math.min(records.length, fitting);
  const answer = begin(query, count * recordBytes, RCODE.noError);
  if (count < records.length) answer.writeUInt16BE(answer.readUInt16BE(2) | FLAG.truncated, 2);
  answer.writeUInt16BE(count, 6);
  let at = query.questionEnd;
  for (let index = 0; index < count; index += 1) {
    records[index]?.copy(answer, at);
    at += recordBytes;
  }
  return answer;
}

/** An answer that is a code alone. */
export function encodeRefusal(query: Answered, rcode: number): Buffer {
  const answer = begin(query, 0, rcode);
  if (query.questionEnd === HEADER_BYTES) answer.writeUInt16BE(0, 4);
  return answer;
}

/** Header, question and, at the end, EDNS as far as the client has it. */
function begin(query: Answered, bodyBytes: number, rcode: number): Buffer {
  const { message, questionEnd, hasEdns } = query;
  const answer = Buffer.alloc(questionEnd + bodyBytes + (hasEdns ? OPT_BYTES : 0));
  message.copy(answer, 0, 0, questionEnd);
  const asked =
    message.readUInt16BE(2) & (FLAG.opcode | FLAG.recursionDesired | FLAG.checkingDisabled);
  const flags = FLAG.response | FLAG.recursionAvailable | asked | (rcode & FLAG.rcode);
  answer.writeUInt16BE(flags, 2);
  answer.fill(0, 6, HEADER_BYTES);
  if (hasEdns) {
    const at = questionEnd + bodyBytes; // the root's name is one zero
    answer.writeUInt16BE(1, 10);
    answer.writeUInt16BE(TYPE.opt, at + 1);
    answer.writeUInt16BE(OWN_UDP_BYTES, at + 3);
    answer[at + 5] = rcode >> 4;
  }
  return answer;
}
