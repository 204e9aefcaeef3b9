import { tarError } from "./header.ts";

/** Records by key; values are bytes, as attributes hold any. */
export type PaxRecords = ReadonlyMap<string, Uint8Array>;

const SPARSE_PAIR_KEYS: ReadonlySet<string> = new Set(["GNU.sparse.offset", "GNU.sparse.numbytes"]);

/**
 * Reads `LENGTH KEY=VALUE\n` records. An empty value takes a record back.
 *
 * @returns The records; GNU sparse 0.0, which repeats keys, as one `GNU.sparse.map` like 0.1.
 */
export function parsePaxRecords(bytes: Uint8Array): PaxRecords {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const records = new Map<string, Uint8Array>();
  const sparse: string[] = [];
  let at = 0;
  while (at < buffer.length) {
    const space = buffer.indexOf(0x20, at);
    const digits = space < 0 ? "" : buffer.toString("latin1", at, space);
    const end = at + Number(digits);
    if (!/^[0-9]{1,9}$/.test(digits) || end > buffer.length || buffer[end - 1] !== 0x0a) {
      throw tarError("invalid pax record");
    }
    const equals = buffer.indexOf(0x3d, space + 1);
    if (equals < 0 || equals >= end || equals === space + 1) throw tarError("invalid pax record");
    const key = buffer.toString("utf8", space + 1, equals);
    const value = buffer.subarray(equals + 1, end - 1);
    checkRecord(key, value);
    if (SPARSE_PAIR_KEYS.has(key)) {
      const wanted = sparse.length % 2 === 0 ? "GNU.sparse.offset" : "GNU.sparse.numbytes";
      if (key !== wanted) throw tarError("invalid sparse map");
      sparse.push(value.toString("latin1"));
    } else if (value.length === 0) records.delete(key);
    else records.set(key, Buffer.from(value));
    at = end;
  }
  if (sparse.length > 0) records.set("GNU.sparse.map", Buffer.from(sparse.join(",")));
  return records;
}

function checkRecord(key: string, value: Uint8Array): void {
  const isText = ["path", "linkpath", "uname", "gname"].includes(key);
  if (key.includes("\0") || (isText && value.includes(0))) {
    throw tarError(`invalid pax record: ${JSON.stringify(key)} has a NUL byte`);
  }
}

/** One record: its length counts its own digits too. */
export function formatPaxRecord(key: string, value: Uint8Array): Uint8Array {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), value, Buffer.from("\n")]);
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length)
    length = String(length).length + rest.length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

/** Keys in order, so that the same file always gives the same bytes. */
export function formatPaxRecords(records: PaxRecords): Uint8Array {
  const keys = [...records.keys()].sort();
  return Buffer.concat(
    keys.map((key) => formatPaxRecord(key, records.get(key) ?? new Uint8Array())),
  );
}

/** `SECONDS[.FRACTION]`, perhaps negative. */
export function parsePaxTime(text: string): bigint {
  const match = /^(-?)([0-9]{1,12})(?:\.([0-9]*))?$/.exec(text);
  if (!match) throw tarError("invalid pax time");
  const [, sign, seconds = "0", fraction = ""] = match;
  const nanoseconds =
    BigInt(seconds) * 1_000_000_000n + BigInt(fraction.slice(0, 9).padEnd(9, "0"));
  return sign === "-" ? -nanoseconds : nanoseconds;
}

export function formatPaxTime(nanoseconds: bigint): string {
  const sign = nanoseconds < 0n ? "-" : "";
  const value = nanoseconds < 0n ? -nanoseconds : nanoseconds;
  const fraction = String(value % 1_000_000_000n)
    .padStart(9, "0")
    .replace(/0+$/, "");
  return `${sign}${value / 1_000_000_000n}${fraction === "" ? "" : `.${fraction}`}`;
}
