import { CLASS_IN, FLAG, HEADER_BYTES, TYPE } from "#networks/dns/wire/constants.ts";
import { encodeName } from "#networks/dns/wire/name.ts";
import { endOfPlainName, readRecord } from "#networks/dns/wire/walk.ts";

interface QuestionOptions {
  readonly type?: number;
  readonly class?: number;
  readonly id?: number;
  readonly flags?: number;
  /** UDP size to be told by EDNS; none when absent. */
  readonly ednsBytes?: number;
  readonly ednsVersion?: number;
}

/** A question as a resolver of the C library sends it. */
export function question(name: string, options: QuestionOptions = {}): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16BE(options.id ?? 0x1234, 0);
  header.writeUInt16BE(options.flags ?? FLAG.recursionDesired, 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(options.ednsBytes === undefined ? 0 : 1, 10);
  const tail = Buffer.alloc(4);
  tail.writeUInt16BE(options.type ?? TYPE.a, 0);
  tail.writeUInt16BE(options.class ?? CLASS_IN, 2);
  const opt = Buffer.alloc(options.ednsBytes === undefined ? 0 : 11);
  if (options.ednsBytes !== undefined) {
    opt.writeUInt16BE(TYPE.opt, 1);
    opt.writeUInt16BE(options.ednsBytes, 3);
    opt[6] = options.ednsVersion ?? 0;
  }
  return Buffer.concat([header, encodeName(name) ?? Buffer.alloc(1), tail, opt]);
}

/** What a server says to a question. */
export function reply(
  asked: Buffer,
  options: {
    readonly rcode?: number;
    readonly flags?: number;
    /** Addresses of A records. */
    readonly addresses?: readonly string[];
  } = {},
): Buffer {
  const end = questionEnd(asked);
  const answer = Buffer.from(asked.subarray(0, end));
  const flags = FLAG.response | FLAG.recursionAvailable | (options.flags ?? 0);
  answer.writeUInt16BE(flags | (options.rcode ?? 0), 2);
  answer.writeUInt16BE(options.addresses?.length ?? 0, 6);
  answer.writeUInt32BE(0, 8);
  const records = (options.addresses ?? []).map((address) => {
    const record = Buffer.from("c00c00010001000000780004ffffffff", "hex");
    record.set(address.split(".").map(Number), 12);
    return record;
  });
  return Buffer.concat([answer, ...records]);
}

/** An answer in words. */
export interface ReadAnswer {
  readonly id: number;
  readonly rcode: number;
  readonly isTruncated: boolean;
  readonly questions: number;
  /** Data of the answers: addresses, names. */
  readonly data: readonly string[];
  readonly hasEdns: boolean;
}

export function readAnswer(message: Buffer): ReadAnswer {
  const flags = message.readUInt16BE(2);
  const questions = message.readUInt16BE(4);
  const answers = message.readUInt16BE(6);
  const data: string[] = [];
  let hasEdns = false;
  let at = questions === 0 ? HEADER_BYTES : questionEnd(message);
  for (let index = 0; index < answers + message.readUInt16BE(10); index += 1) {
    const record = readRecord(message, at);
    if (!record) throw new Error(`Record ${index} of the answer is malformed`);
    const dataAt = record.end - message.readUInt16BE(dataLengthAt(message, at));
    if (record.type === TYPE.opt) hasEdns = true;
    else data.push(textOf(message.subarray(dataAt, record.end), record.type));
    at = record.end;
  }
  return {
    id: message.readUInt16BE(0),
    rcode: flags & FLAG.rcode,
    isTruncated: (flags & FLAG.truncated) !== 0,
    questions,
    data,
    hasEdns,
  };
}

/** A name is a pointer, or the root's zero. */
function dataLengthAt(message: Buffer, at: number): number {
  return at + (message[at] === 0 ? 1 : 2) + 8;
}

function textOf(data: Buffer, type: number): string {
  if (type === TYPE.a) return data.join(".");
  if (type === TYPE.aaaa) return data.toString("hex").replace(/(....)(?=.)/g, "$1:");
  const labels: string[] = [];
  for (let at = 0; (data[at] ?? 0) !== 0; at += 1 + (data[at] ?? 0)) {
    labels.push(data.toString("utf8", at + 1, at + 1 + (data[at] ?? 0)));
  }
  return labels.join(".");
}

function questionEnd(message: Buffer): number {
  return endOfPlainName(message, HEADER_BYTES) + 4;
}
