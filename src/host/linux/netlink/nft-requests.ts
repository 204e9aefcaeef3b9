import { assertNever, InternalError } from "#base/errors.ts";
import type {
  NftChain,
  NftElement,
  NftField,
  NftOp,
  NftStatement,
  NftTableChange,
} from "#host/nft.ts";
import { parseCidr, parseIpAddress } from "./ip-address.ts";
import {
  type Attribute,
  type AttributeValue,
  decodeAttributes,
  type NetlinkMessage,
  type NetlinkRequest,
} from "./message.ts";
import {
  be32,
  be64,
  compare,
  data,
  decide,
  expression,
  nftBatch,
  nftRequest,
  portBytes,
  REGISTER,
  verdict,
  VERDICTS,
} from "./nft-messages.ts";

// linux/netfilter/nf_tables.h
const NEW_CHAIN = 3;
const DELETE_CHAIN = 5;
const NEW_RULE = 6;
const DELETE_RULE = 8;
const NEW_ELEMENTS = 12;
const DELETE_ELEMENTS = 14;
const NLM_F_CREATE = 0x400;
const NLM_F_APPEND = 0x800;
const NLM_F_ECHO = 8;
const NFGENMSG_BYTES = 4;
const FAMILY = { inet: 1, ip: 2, ip6: 10 } as const;
const PROTOCOL = { tcp: 6, udp: 17, sctp: 132 } as const;

const META_IN_NAME = 6;
const META_OUT_NAME = 7;
const CT_STATUS = 2;
const STATUS_DST_NAT = 1 << 5;

const TABLE_NAME = 1;
const CHAIN_NAME = 3;
const RULE_CHAIN = 2;
const RULE_HANDLE = 3;
const RULE_EXPRESSIONS = 4;
const RULE_POSITION = 6;
const RULE_USER_DATA = 7;
const USER_DATA_COMMENT = 0;
const LIST_SET = 2;
const LIST_ELEMENTS = 3;
const LIST_ITEM = 1;
const ELEMENT_KEY = 1;
const ELEMENT_DATA = 2;
const ELEMENT_FLAGS = 3;
/** The first that a range no longer has. */
const FLAG_RANGE_END = 1;
/** IFNAMSIZ. */
const DEVICE_BYTES = 16;
/** Parts of a concatenation begin at multiples of this. */
const PART_BYTES = 4;
/** A list is one attribute, of 64 KiB at most; an item takes up to 100 bytes. */
const ITEMS_PER_LIST = 256;

interface Place {
  readonly family: number;
  readonly table: string;
}

/** One transaction. */
export function nftChange(tables: readonly NftTableChange[]): readonly NetlinkRequest[] {
  return nftBatch(
    tables.flatMap(({ family, table, ops }) =>
      ops.flatMap((op) => requestsOf({ family: FAMILY[family], table }, op)),
    ),
  );
}

function requestsOf(place: Place, op: NftOp): readonly NetlinkRequest[] {
  switch (op.kind) {
    case "add-chain":
      return chainRequests(place, op.chain);
    case "add-rule":
      return [addRule(place, op)];
    case "delete-rule":
      return [
        request(place, DELETE_RULE, 0, [
          [RULE_CHAIN, { text: op.chain }],
          be64(RULE_HANDLE, op.handle),
        ]),
      ];
    case "delete-chain":
      return [request(place, DELETE_CHAIN, 0, [[CHAIN_NAME, { text: op.name }]])];
    case "add-elements":
    case "delete-elements":
      return elementRequests(place, op);
    default:
      return assertNever(op);
  }
}

function request(
  { family, table }: Place,
  type: number,
  flags: number,
  attributes: readonly Attribute[],
): NetlinkRequest {
  return nftRequest(type, family, flags, [[TABLE_NAME, { text: table }], ...attributes]);
}

function chainRequests(place: Place, { name, rules }: NftChain): readonly NetlinkRequest[] {
  return [
    request(place, NEW_CHAIN, NLM_F_CREATE, [[CHAIN_NAME, { text: name }]]),
    ...rules.map((statements) =>
      request(place, NEW_RULE, NLM_F_CREATE | NLM_F_APPEND, [
        [RULE_CHAIN, { text: name }],
        [RULE_EXPRESSIONS, { nested: statements.flatMap(expressionsOf) }],
      ]),
    ),
  ];
}

function addRule(
  place: Place,
  { chain, statements, comment, before }: Extract<NftOp, { kind: "add-rule" }>,
): NetlinkRequest {
  const where: readonly Attribute[] = before === undefined ? [] : [be64(RULE_POSITION, before)];
  const order = before === undefined ? NLM_F_APPEND : 0;
  return request(place, NEW_RULE, NLM_F_CREATE | NLM_F_ECHO | order, [
    [RULE_CHAIN, { text: chain }],
    [RULE_EXPRESSIONS, { nested: statements.flatMap(expressionsOf) }],
    ...where,
    [RULE_USER_DATA, { bytes: commentData(comment) }],
  ]);
}

/** As nft(8) writes it: type, length and a text that ends with a zero. */
function commentData(comment: string): Uint8Array {
  const text = Buffer.from(`${comment}\0`);
  return Buffer.concat([Uint8Array.of(USER_DATA_COMMENT, text.length), text]);
}

/** @param answers What the kernel sent back of the rules that it was asked to tell of. */
export function ruleHandles(answers: readonly NetlinkMessage[]): readonly number[] {
  return answers.flatMap(({ type, payload }) => {
    if ((type & 0xff) !== NEW_RULE) return [];
    const handle = decodeAttributes(payload, NFGENMSG_BYTES).get(RULE_HANDLE);
    return handle ? [Number(handle.readBigUInt64BE(0))] : [];
  });
}

function expressionsOf(statement: NftStatement): readonly Attribute[] {
  switch (statement.kind) {
    case "led":
      return isLed();
    case "device": {
      const key = statement.way === "in" ? META_IN_NAME : META_OUT_NAME;
      return [
        expression("meta", [be32(1, REGISTER), be32(2, key)]),
        compare(deviceBytes(statement.name), statement.isNot),
      ];
    }
    case "accept":
    case "drop":
      return [decide(VERDICTS[statement.kind])];
    case "masquerade":
      return [expression("masq", [])];
    case "counter":
      return [expression("counter", [])];
    default:
      return assertNever(statement);
  }
}

function isLed(): readonly Attribute[] {
  const none = Buffer.alloc(4);
  const mask = Buffer.alloc(4);
  mask.writeUInt32LE(STATUS_DST_NAT); // in the machine's order, as the kernel keeps it
  return [
    expression("ct", [be32(1, REGISTER), be32(2, CT_STATUS)]),
    expression("bitwise", [
      be32(1, REGISTER),
      be32(2, REGISTER),
      be32(3, mask.length),
      [4, data(mask)],
      [5, data(none)],
    ]),
    compare(none, true),
  ];
}

function elementRequests(
  place: Place,
  op: Extract<NftOp, { kind: "add-elements" | "delete-elements" }>,
): readonly NetlinkRequest[] {
  const isAdding = op.kind === "add-elements";
  const items = op.elements.flatMap((element) => elementItems(element, isAdding));
  const type = isAdding ? NEW_ELEMENTS : DELETE_ELEMENTS;
  const requests: NetlinkRequest[] = [];
  for (let at = 0; at < items.length; at += ITEMS_PER_LIST) {
    requests.push(
      request(place, type, isAdding ? NLM_F_CREATE : 0, [
        [LIST_SET, { text: op.set }],
        [LIST_ELEMENTS, { nested: items.slice(at, at + ITEMS_PER_LIST) }],
      ]),
    );
  }
  return requests;
}

/** What the kernel keeps for an element; a range is two. */
function elementItems({ key, value }: NftElement, withValue: boolean): readonly Attribute[] {
  const [only] = key;
  const target: readonly Attribute[] =
    withValue && value !== undefined ? [[ELEMENT_DATA, valueOf(value)]] : [];
  const item = (bytes: Uint8Array, attributes: readonly Attribute[]): Attribute => [
    LIST_ITEM,
    { nested: [[ELEMENT_KEY, data(bytes)], ...attributes] },
  ];
  if (only === undefined || !("subnet" in only)) return [item(bytesOf(key), target)];
  const { first, after } = rangeOf(only.subnet);
  const end = after && item(after, [be32(ELEMENT_FLAGS, FLAG_RANGE_END)]);
  return [item(first, target), ...(end ? [end] : [])];
}

function valueOf(value: readonly NftField[] | { readonly jump: string }): AttributeValue {
  return "jump" in value ? verdict(VERDICTS.jump, value.jump) : data(bytesOf(value));
}

/** Parts of a concatenation begin at multiples of four bytes; one that is alone is as long as it is. */
function bytesOf(fields: readonly NftField[]): Uint8Array {
  const parts = fields.map(fieldBytes);
  if (parts.length === 1 && parts[0]) return parts[0];
  return Buffer.concat(
    parts.map((part) => Buffer.concat([part], Math.ceil(part.length / PART_BYTES) * PART_BYTES)),
  );
}

function fieldBytes(field: NftField): Uint8Array {
  if ("address" in field) return parseIpAddress(field.address);
  if ("protocol" in field) return Uint8Array.of(PROTOCOL[field.protocol]);
  if ("port" in field) return portBytes(field.port);
  if ("device" in field) return deviceBytes(field.device);
  throw new InternalError(`Subnet ${field.subnet} is the whole of a key`);
}

function deviceBytes(name: string): Uint8Array {
  return Buffer.concat([Buffer.from(name)], DEVICE_BYTES);
}

/** @returns The first address and the first behind the last; none where the subnet ends with the family. */
function rangeOf(subnet: string): { readonly first: Uint8Array; readonly after?: Uint8Array } {
  const { address, prefixBits } = parseCidr(subnet);
  const hostBits = BigInt(address.length * 8 - prefixBits);
  const digits = address.length * 2;
  const first = (BigInt(`0x${Buffer.from(address).toString("hex")}`) >> hostBits) << hostBits;
  const toBytes = (value: bigint) => Buffer.from(value.toString(16).padStart(digits, "0"), "hex");
  const after = first + (1n << hostBits);
  const isLast = after >> BigInt(address.length * 8) !== 0n;
  return { first: toBytes(first), ...(isLast ? {} : { after: toBytes(after) }) };
}
