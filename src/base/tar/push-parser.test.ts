import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { InvalidArgumentError, UnsupportedError } from "#base/errors.ts";
import type { PushedEntry } from "./entry-header.ts";
import { formatPaxRecords } from "./pax.ts";
import { tarHeader } from "./header.ts";
import { TarPushParser } from "./push-parser.ts";
import { encodeTarHeader, tarTrailer } from "./writer.ts";

const SEED = 20_260_722;

interface Read {
  readonly entry: PushedEntry;
  readonly body: Buffer;
}

/** Pushes `tar` in chunks of the given lengths, in turn. */
function read(tar: Buffer, steps: readonly number[] = [tar.length]): readonly Read[] {
  const found: { entry: PushedEntry; body: Buffer; at: number }[] = [];
  const parser = new TarPushParser({
    entry: (entry) => {
      // a map may claim any size
      found.push({ entry, body: Buffer.alloc(Math.min(entry.sizeBytes, 1 << 20)), at: 0 });
    },
    data: (chunk, position) => {
      const last = found.at(-1);
      if (!last) throw new Error("data without an entry");
      chunk.copy(last.body, position ?? last.at);
      last.at += chunk.length;
    },
    entryEnd: () => {},
  });
  for (let at = 0, step = 0; at < tar.length; step++) {
    const length = Math.max(1, steps[step % steps.length] ?? 1);
    parser.push(tar.subarray(at, at + length));
    at += length;
  }
  parser.finish();
  return found;
}

const name = fc
  .string({ unit: "binary", minLength: 1, maxLength: 150 })
  .map((text) => text.replaceAll(/[\0/]|[\ud800-\udfff]/g, "_"))
  .filter((text) => text !== "." && text !== "..");
const member = fc.record({
  name,
  body: fc.uint8Array({ maxLength: 1500 }),
  uid: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  gid: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  mode: fc.integer({ min: 0, max: 0o7777 }),
  mtimeNanoseconds: fc.bigInt({ min: -(10n ** 18n), max: 4n * 10n ** 18n }),
});
const steps = fc.array(fc.integer({ min: 1, max: 2000 }), { minLength: 1, maxLength: 5 });

function pack(
  members: readonly (typeof member extends fc.Arbitrary<infer T> ? T : never)[],
): Buffer {
  const parts = members.flatMap(({ body, ...fields }) => [
    encodeTarHeader(tarHeader({ ...fields, type: "file", sizeBytes: body.length })),
    body,
    new Uint8Array((512 - (body.length % 512)) % 512),
  ]);
  return Buffer.concat([...parts, tarTrailer()]);
}

function expectRefusal(work: () => unknown): void {
  try {
    work();
  } catch (error) {
    expect(error instanceof InvalidArgumentError || error instanceof UnsupportedError).toBe(true);
  }
}

describe("TarPushParser", () => {
  test("reads what the writer wrote, however it is cut", () => {
    fc.assert(
      fc.property(fc.array(member, { maxLength: 6 }), steps, (members, cuts) => {
        const found = read(pack(members), cuts);
        expect(found.map(({ entry }) => entry.name)).toEqual(members.map((each) => each.name));
        for (const [index, { entry, body }] of found.entries()) {
          const wanted = members[index];
          if (!wanted) throw new Error("too many");
          expect(body.equals(wanted.body)).toBe(true);
          expect([entry.uid, entry.gid, entry.mode]).toEqual([wanted.uid, wanted.gid, wanted.mode]);
          const nanoseconds = BigInt(entry.mtimeSeconds) * 10n ** 9n + BigInt(entry.mtimeNanos);
          expect(nanoseconds).toBe(wanted.mtimeNanoseconds);
        }
      }),
      { seed: SEED, numRuns: 150 },
    );
  });

  test("refuses damage in words, and neither hangs nor breaks", () => {
    const damage = fc.array(fc.record({ at: fc.nat(), byte: fc.integer({ min: 0, max: 255 }) }), {
      minLength: 1,
      maxLength: 8,
    });
    fc.assert(
      fc.property(
        fc.array(member, { minLength: 1, maxLength: 3 }),
        damage,
        steps,
        (members, hits, cuts) => {
          const tar = pack(members);
          for (const { at, byte } of hits) tar[at % tar.length] = byte;
          expectRefusal(() => read(tar, cuts));
          expectRefusal(() => read(tar.subarray(0, (hits[0]?.at ?? 0) % tar.length), cuts));
        },
      ),
      { seed: SEED, numRuns: 300 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 4096 }), (bytes) =>
        expectRefusal(() => read(Buffer.from(bytes))),
      ),
      { seed: SEED, numRuns: 300 },
    );
  });

  test("takes sparse maps that fit and refuses all others", () => {
    const numbers = fc.array(fc.integer({ min: -2, max: 6000 }), { maxLength: 8 });
    fc.assert(
      fc.property(numbers, fc.integer({ min: 0, max: 6000 }), steps, (map, sizeBytes, cuts) => {
        const dataBytes = map.reduce((sum, value, index) => sum + (index % 2 === 1 ? value : 0), 0);
        const data = Buffer.alloc(Math.max(0, dataBytes), 0x61);
        const records = formatPaxRecords(
          new Map([
            ["GNU.sparse.map", Buffer.from(map.join(",") || "0,0")],
            ["GNU.sparse.size", Buffer.from(String(sizeBytes))],
          ]),
        );
        const pad = (bytes: Uint8Array) => new Uint8Array((512 - (bytes.length % 512)) % 512);
        const extension = encodeTarHeader(
          tarHeader({ name: "x", type: "file", sizeBytes: records.length }),
        );
        extension[156] = 0x78;
        extension.set(Buffer.from("        "), 148);
        const sum = extension.reduce((total, byte) => total + byte, 0);
        extension.set(Buffer.from(`${sum.toString(8).padStart(6, "0")}\0 `), 148);
        const header = encodeTarHeader(
          tarHeader({ name: "s", type: "file", sizeBytes: data.length }),
        );
        const tar = Buffer.concat([
          ...[extension, records, pad(records), header, data, pad(data), tarTrailer()],
        ]);
        expectRefusal(() => {
          const [only] = read(tar, cuts);
          const filled = only?.body.filter((byte) => byte === 0x61).length;
          expect([only?.entry.sizeBytes, filled]).toEqual([sizeBytes, data.length]);
        });
      }),
      { seed: SEED, numRuns: 300 },
    );
  });
});
