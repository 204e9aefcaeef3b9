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
  const attributes = encodeAttributes(request.attributes);
  const header = Buffer.alloc(HEADER_BYTES);
  const body = padded(request.body);
  header.writeUInt32LE(HEADER_BYTES + body.length + attributes.length, 0);
  header.writeUInt16LE(request.type, 4);
  header.writeUInt16LE(request.flags, 6);
  header.writeUInt32LE(sequence, 8);
  return Buffer.concat([header, body, attributes]);
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

function encodeAttributes(attributes: readonly Attribute[]): Buffer {
  return Buffer.concat(attributes.map(([type, value]) => encodeAttribute(type, value)));
}

function encodeAttribute(type: number, value: AttributeValue): Buffer {
  const payload = encodeValue(value);
  const isNested = "nested" in value;
  const bytes = Buffer.alloc(align(ATTRIBUTE_HEADER_BYTES + payload.length));
  bytes.writeUInt16LE(ATTRIBUTE_HEADER_BYTES + payload.length, 0);
  bytes.writeUInt16LE(isNested ? type | NLA_F_NESTED : type, 2);
  bytes.set(payload, ATTRIBUTE_HEADER_BYTES);
  return bytes;
}

function encodeValue(value: AttributeValue): Uint8Array {
  if ("text" in value) return Buffer.from(`${value.text}\0`);
  if ("u8" in value) return Uint8Array.of(value.u8);
  if ("u16" in value) return new Uint8Array(Uint16Array.of(value.u16).buffer);
  if ("u32" in value) return new Uint8Array(Uint32Array.of(value.u32).buffer);
  if ("bytes" in value) return value.bytes;
  if ("nested" in value) return encodeAttributes(value.nested);
  return Buffer.concat([padded(value.body), encodeAttributes(value.attributes)]);
}

function padded(bytes: Uint8Array): Uint8Array {
  if (bytes.length % 4 === 0) return bytes;
  const whole = new Uint8Array(align(bytes.length));
  whole.set(bytes);
  return whole;
}

function align(length: number): number {
  return (length + 3) & ~3;
}
