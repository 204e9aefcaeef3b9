import { malformed, WireReader, WireWriter, type WireType } from "./wire.ts";

/**
 * Messages of Protocol Buffers (proto3) as plain objects. A message is described by a table from property to field:
 *
 *     export const VERTEX: Message<Vertex> = message({ digest: text(1), inputs: repeated(text(2)), cached: flag(4) });
 *
 * A field that the sender left out has its zero value; one that the table does not have is skipped.
 */
export interface Message<Value> {
  /** Left out properties and zero values take no bytes. */
  encode(value: Partial<Value>): Uint8Array;
  /** @throws {InvalidArgumentError} The bytes are no such message. */
  decode(bytes: Uint8Array): Value;
}

/** One field of a message. */
export interface Field<Value> {
  readonly number: number;
  readonly zero: () => Value;
  write(writer: WireWriter, value: Value): void;
  /** @param before What the field has so far: of a field that comes twice the last counts, a list grows. */
  read(reader: WireReader, type: WireType, before: Value): Value;
}

export type FieldsOf<Value> = { readonly [Name in keyof Value]-?: Field<Value[Name]> };

export function message<Value>(fields: FieldsOf<Value>): Message<Value> {
  const names = Object.keys(fields) as (keyof Value)[]; // a table has no other keys than its type's
  const byNumber = new Map(names.map((name) => [fields[name].number, name]));
  return {
    encode: (value) => {
      const writer = new WireWriter();
      for (const name of names) {
        const one = value[name];
        if (one !== undefined) fields[name].write(writer, one);
      }
      return writer.finish();
    },
    decode: (bytes) => {
      const reader = new WireReader(bytes);
      const value = {} as Value; // filled by the next line
      for (const name of names) value[name] = fields[name].zero();
      while (!reader.isAtEnd) {
        const { number, type } = reader.tag();
        const name = byNumber.get(number);
        if (name === undefined) reader.skip(type);
        else value[name] = fields[name].read(reader, type, value[name]);
      }
      return value;
    },
  };
}

const decoder = new TextDecoder();

function scalar<Value>(
  number: number,
  zero: Value,
  toWire: (value: Value) => number | bigint,
  fromWire: (value: number | bigint) => Value,
): Field<Value> {
  return {
    number,
    zero: () => zero,
    write: (writer, value) => {
      if (value === zero) return;
      writer.tag(number, 0);
      writer.varint(toWire(value));
    },
    read: (reader, type) => {
      if (type !== 0) throw malformed(`field ${number} is no number`);
      return fromWire(reader.varint());
    },
  };
}

/** `bool` */
export function flag(number: number): Field<boolean> {
  return scalar(
    number,
    false,
    (value) => (value ? 1 : 0),
    (value) => Number(value) !== 0,
  );
}

/** `int32`, `int64`, enumerations; also `uint32`. What is beyond 2^53 loses its last digits. */
export function integer(number: number): Field<number> {
  return scalar(
    number,
    0,
    (value) => (Number.isSafeInteger(value) ? value : BigInt(Math.trunc(value))),
    (value) => (typeof value === "number" ? value : Number(BigInt.asIntN(64, value))),
  );
}

/** `int64` where each digit counts: nanoseconds. */
export function bigInteger(number: number): Field<bigint> {
  return scalar(
    number,
    0n,
    (value) => value,
    (value) => BigInt.asIntN(64, BigInt(value)),
  );
}

function delimited<Value>(
  number: number,
  zero: () => Value,
  codec: {
    readonly isZero: (value: Value) => boolean;
    readonly encode: (value: Value) => Uint8Array;
    readonly decode: (bytes: Uint8Array, before: Value) => Value;
  },
): Field<Value> {
  return {
    number,
    zero,
    write: (writer, value) => {
      if (codec.isZero(value)) return;
      writer.tag(number, 2);
      writer.bytes(codec.encode(value));
    },
    read: (reader, type, before) => {
      if (type !== 2) throw malformed(`field ${number} has no length`);
      return codec.decode(reader.bytes(), before);
    },
  };
}

/** `string` */
export function text(number: number): Field<string> {
  return delimited(number, () => "", {
    isZero: (value) => value === "",
    encode: (value) => Buffer.from(value),
    decode: (bytes) => decoder.decode(bytes),
  });
}

const NO_BYTES: Uint8Array = new Uint8Array();

/** `bytes` */
export function bytes(number: number): Field<Uint8Array> {
  return delimited(number, () => NO_BYTES, {
    isZero: (value) => value.byteLength === 0,
    encode: (value) => value,
    decode: (value) => value,
  });
}

/** A message within. */
export function embedded<Value>(number: number, inner: Message<Value>): Field<Value | undefined> {
  return delimited<Value | undefined>(number, () => undefined, {
    isZero: (value) => value === undefined,
    encode: (value) => (value === undefined ? NO_BYTES : inner.encode(value)),
    decode: (value) => inner.decode(value),
  });
}

function list<Value>(
  number: number,
  encode: (value: Value) => Uint8Array,
  decode: (bytes: Uint8Array) => Value,
): Field<readonly Value[]> {
  return {
    number,
    zero: () => [],
    write: (writer, values) => {
      for (const value of values) {
        writer.tag(number, 2);
        writer.bytes(encode(value));
      }
    },
    read: (reader, type, before) => {
      if (type !== 2) throw malformed(`field ${number} has no length`);
      const items = before as Value[]; // the list that `zero` made for this message
      items.push(decode(reader.bytes()));
      return items;
    },
  };
}

/** `repeated string` */
export function texts(number: number): Field<readonly string[]> {
  return list(
    number,
    (value: string) => Buffer.from(value),
    (value) => decoder.decode(value),
  );
}

/** `repeated bytes` */
export function manyBytes(number: number): Field<readonly Uint8Array[]> {
  return list(
    number,
    (value: Uint8Array) => value,
    (value) => value,
  );
}

/** `repeated uint32`, packed as proto3 writes it; read either way. */
export function integers(number: number): Field<readonly number[]> {
  const toNumber = (value: number | bigint): number => Number(value);
  return {
    number,
    zero: () => [],
    write: (writer, values) => {
      if (values.length === 0) return;
      const packed = new WireWriter();
      for (const value of values) packed.varint(value);
      writer.tag(number, 2);
      writer.bytes(packed.finish());
    },
    read: (reader, type, before) => {
      const items = before as number[]; // the list that `zero` made for this message
      if (type === 0) items.push(toNumber(reader.varint()));
      else if (type === 2) {
        const packed = new WireReader(reader.bytes());
        while (!packed.isAtEnd) items.push(toNumber(packed.varint()));
      } else throw malformed(`field ${number} is no list of numbers`);
      return items;
    },
  };
}

/** `repeated` of a message. */
export function many<Value>(number: number, inner: Message<Value>): Field<readonly Value[]> {
  return list(
    number,
    (value: Value) => inner.encode(value),
    (value) => inner.decode(value),
  );
}

function entries<Value>(
  number: number,
  valueField: Field<Value>,
): Field<ReadonlyMap<string, Value>> {
  const entry = message<{ readonly key: string; readonly value: Value }>({
    key: text(1),
    value: valueField,
  });
  return {
    number,
    zero: () => new Map(),
    write: (writer, values) => {
      for (const [key, value] of values) {
        writer.tag(number, 2);
        writer.bytes(entry.encode({ key, value }));
      }
    },
    read: (reader, type, before) => {
      if (type !== 2) throw malformed(`field ${number} has no length`);
      const { key, value } = entry.decode(reader.bytes());
      // the map that `zero` made for this message
      return (before as Map<string, Value>).set(key, value);
    },
  };
}

/** `map<string, string>` */
export function textMap(number: number): Field<ReadonlyMap<string, string>> {
  return entries(number, text(2));
}

/** `map<string, bytes>` */
export function bytesMap(number: number): Field<ReadonlyMap<string, Uint8Array>> {
  return entries(number, bytes(2));
}

/** `map<string, M>` */
export function messageMap<Value>(
  number: number,
  inner: Message<Value>,
): Field<ReadonlyMap<string, Value | undefined>> {
  return entries(number, embedded(2, inner));
}
