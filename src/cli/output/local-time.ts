import { CString, type Pointer, ptr, read } from "bun:ffi";
import { libc } from "#libc/libc.ts";

/** A moment on the clock of the local zone. */
export interface LocalTime {
  readonly year: number;
  /** 1 to 12. */
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  /** East of Greenwich is positive. */
  readonly offsetSeconds: number;
  /** `CET`, `UTC`. */
  readonly zone: string;
}

// struct tm of 64-bit glibc and musl: nine ints, then tm_gmtoff and tm_zone.
const tmBytes = 64;
const gmtoffOffset = 40;
const zoneOffset = 48;

/**
 * By libc rather than `Date`: it knows the zone's short name (CET), which `Date` does not, and the first use of `Date`'s
 * local time loads ICU's zones, 5 ms.
 *
 * @param seconds Since 1970, whole.
 */
export function localTime(seconds: number): LocalTime {
  const { call } = libc();
  call.tzset(); // localtime_r need not do it by itself
  const time = new BigInt64Array([BigInt(seconds)]);
  const tm = new Uint8Array(tmBytes);
  call.localtime_r(ptr(time), ptr(tm));
  const fields = new Int32Array(tm.buffer, 0, 6);
  const [second = 0, minute = 0, hour = 0, day = 1, month = 0, year = 70] = fields;
  const zone = read.ptr(ptr(tm), zoneOffset) as Pointer;
  return {
    year: year + 1900,
    month: month + 1,
    day,
    hour,
    minute,
    second,
    offsetSeconds: Number(read.i64(ptr(tm), gmtoffOffset)),
    zone: new CString(zone).toString(),
  };
}
