import type { Attribute, AttributeValue, NetlinkRequest } from "./message.ts";

// linux/netfilter/nf_tables.h
const NFTABLES = 10;
const BATCH_BEGIN = 16;
const BATCH_END = 17;
export const REGISTER = 1;
const VERDICT_REGISTER = 0;
const EXPRESSION = 1;
const VALUE = 1;
const VERDICT = 2;
const VERDICT_CODE = 1;
const VERDICT_CHAIN = 2;

/** What a verdict says; NFT_JUMP is no code of netfilter's own. */
export const VERDICTS = { drop: 0, accept: 1, jump: -3 } as const;

export function nftRequest(
  type: number,
  family: number,
  flags: number,
  attributes: readonly Attribute[],
): NetlinkRequest {
  return { type: (NFTABLES << 8) | type, flags, body: Uint8Array.of(family, 0, 0, 0), attributes };
}

/** Requests that the kernel carries out together or not at all. */
export function nftBatch(requests: readonly NetlinkRequest[]): readonly NetlinkRequest[] {
  return [batchMark(BATCH_BEGIN), ...requests, batchMark(BATCH_END)];
}

/** A batch is for one subsystem, whose number stands in the resource id, big-endian. */
function batchMark(type: number): NetlinkRequest {
  return { type, flags: 0, body: Uint8Array.of(0, 0, 0, NFTABLES), attributes: [] };
}

/** nftables' numbers are big-endian, unlike rtnetlink's. */
export function be32(type: number, value: number): Attribute {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return [type, { bytes }];
}

export function be64(type: number, value: number): Attribute {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return [type, { bytes }];
}

export function portBytes(port: number): Uint8Array {
  return Uint8Array.of(port >> 8, port & 0xff);
}

/** One expression of a rule. */
export function expression(name: string, attributes: readonly Attribute[]): Attribute {
  return [
    EXPRESSION,
    {
      nested: [
        [1, { text: name }],
        [2, { nested: attributes }],
      ],
    },
  ];
}

/** Bytes where the kernel takes bytes or a verdict. */
export function data(value: Uint8Array): AttributeValue {
  return { nested: [[VALUE, { bytes: value }]] };
}

/** @param chain To go on in, for `jump`. */
export function verdict(code: number, chain?: string): AttributeValue {
  const target: readonly Attribute[] =
    chain === undefined ? [] : [[VERDICT_CHAIN, { text: chain }]];
  return { nested: [[VERDICT, { nested: [be32(VERDICT_CODE, code), ...target] }]] };
}

/** Compares what is in the register. */
export function compare(value: Uint8Array, isNot = false): Attribute {
  return expression("cmp", [be32(1, REGISTER), be32(2, isNot ? 1 : 0), [3, data(value)]]);
}

/** Ends the rule with a verdict. */
export function decide(code: number): Attribute {
  return expression("immediate", [be32(1, VERDICT_REGISTER), [2, verdict(code)]]);
}
