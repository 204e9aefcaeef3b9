/**
 * Netlink's wire form: a message is a 16-byte header, a fixed body by type, and attributes, each a 16-bit
 * length (its own four bytes included), a 16-bit type and a payload, filled up to four bytes. Numbers are
 * in the machine's byte order; Wharf runs on little-endian machines only.
 *
 * @see netlink(7), rtnetlink(7), linux/if_link.h
 */
const HEADER_BYTES = 16;
const ATTRIBUTE_HEADER_BYTES = 4;
/** The high bits of an attribute's type are flags (nested, network byte order). */
const ATTRIBUTE_TYPE_MASK = 0x3fff;
const NLA_F_NESTED = 0x8000;

export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;

/** Payload of an attribute; a list is nested attributes, `text` ends with a zero. */
export type AttributeValue =
  | { readonly text: string }
  | { readonly u8: number }
  | { readonly u16: number }
  | { readonly u32: number }
  | { readonly bytes: Uint8Array }
  | { readonly nested: readonly Attribute[] }
  /** A fixed body before nested attributes, as veth's peer has. */
  | { readonly body: Uint8Array; readonly attributes: readonly Attribute[] };

export type Attribute = readonly [type: number, value: AttributeValue];

export interface NetlinkRequest {
  readonly type: number;
  readonly flags: number;
  readonly body: Uint8Array;
  readonly attributes: readonly Attribute[];
}

export interface NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  /** Everything behind the header. */
  readonly payload: Buffer;
}

export function encodeRequest(request: NetlinkRequest, sequence: number): Buffer {
  const { type, flags, body, attributes } = request;
  const length = HEADER_BYTES + align(body.length) + lengthOfAll(attributes);
  const bytes = Buffer.alloc(length);
  bytes.writeUInt32LE(length, 0);
  bytes.writeUInt16LE(type, 4);
  bytes.writeUInt16LE(flags, 6);
  bytes.writeUInt32LE(sequence, 8);
  bytes.set(body, HEADER_BYTES);
  writeAll(bytes, HEADER_BYTES + align(body.length), attributes);
  return bytes;
}

/** Cuts what one recv(2) gave into messages. */
export function decodeMessages(datagram: Buffer): NetlinkMessage[] {
  const messages: NetlinkMessage[] = [];
  for (let at = 0; at + HEADER_BYTES <= datagram.length; ) {
    const length = datagram.readUInt32LE(at);
    if (length < HEADER_BYTES || at + length > datagram.length) break;
    messages.push({
      type: datagram.readUInt16LE(at + 4),
      flags: datagram.readUInt16LE(at + 6),
      sequence: datagram.readUInt32LE(at + 8),
      payload: datagram.subarray(at + HEADER_BYTES, at + length),
    });
    at += align(length);
  }
  return messages;
}

/** Attributes by type, behind a fixed body of `bodyBytes`; of several with one type the last counts. */
export function decodeAttributes(payload: Buffer, bodyBytes: number): ReadonlyMap<number, Buffer> {
  const attributes = new Map<number, Buffer>();
  for (let at = align(bodyBytes); at + ATTRIBUTE_HEADER_BYTES <= payload.length; ) {
    const length = payload.readUInt16LE(at);
    if (length < ATTRIBUTE_HEADER_BYTES || at + length > payload.length) break;
    const type = payload.readUInt16LE(at + 2) & ATTRIBUTE_TYPE_MASK;
    attributes.set(type, payload.subarray(at + ATTRIBUTE_HEADER_BYTES, at + length));
    at += align(length);
  }
  return attributes;
}

export function readText(attribute: Buffer): string {
  return attribute.toString("utf8").replace(/\0+$/, "");
}

function lengthOfAll(attributes: readonly Attribute[]): number {
  let length = 0;
  for (const [, value] of attributes) length += align(ATTRIBUTE_HEADER_BYTES + lengthOf(value));
  return length;
}

function lengthOf(value: AttributeValue): number {
  if ("text" in value) return Buffer.byteLength(value.text) + 1;
  if ("u8" in value) return 1;
  if ("u16" in value) return 2;
  if ("u32" in value) return 4;
  if ("bytes" in value) return value.bytes.length;
  if ("nested" in value) return lengthOfAll(value.nested);
  return align(value.body.length) + lengthOfAll(value.attributes);
}

/** @param into Zeroed, with room for them from `at` on. */
function writeAll(into: Buffer, at: number, attributes: readonly Attribute[]): void {
  let next = at;
  for (const [type, value] of attributes) {
    const length = ATTRIBUTE_HEADER_BYTES + lengthOf(value);
    into.writeUInt16LE(length, next);
    into.writeUInt16LE("nested" in value ? type | NLA_F_NESTED : type, next + 2);
    writeValue(into, next + ATTRIBUTE_HEADER_BYTES, value);
    next += align(length);
  }
}

function writeValue(into: Buffer, at: number, value: AttributeValue): void {
  if ("text" in value) into.write(value.text, at);
  else if ("u8" in value) into.writeUInt8(value.u8, at);
  else if ("u16" in value) into.writeUInt16LE(value.u16, at);
  else if ("u32" in value) into.writeUInt32LE(value.u32, at);
  else if ("bytes" in value) into.set(value.bytes, at);
  else if ("nested" in value) writeAll(into, at, value.nested);
  else {
    into.set(value.body, at);
    writeAll(into, at + align(value.body.length), value.attributes);
  }
}

function align(length: number): number {
  return (length + 3) & ~3;
}
