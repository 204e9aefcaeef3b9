import { describe, expect, test } from "bun:test";
import { rejectionOf } from "#base/testing/rejection.ts";
import { tarHeader, type TarHeader } from "./header.ts";
import { readTar, type TarLimits } from "./reader.ts";
import { encodeTarHeader, type TarMember, tarTrailer, writeTar } from "./writer.ts";

async function* chunked(bytes: Uint8Array, size: number): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += size) yield bytes.subarray(at, at + size);
}

async function pack(members: readonly TarMember[]): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of writeTar(members)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

interface Unpacked {
  readonly header: TarHeader;
  readonly text: string;
}

async function unpack(
  bytes: Uint8Array,
  limits?: TarLimits,
  chunkSize = 1000,
): Promise<readonly Unpacked[]> {
  const found: Unpacked[] = [];
  for await (const { header, body } of readTar(chunked(bytes, chunkSize), limits)) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of body) chunks.push(Buffer.from(chunk));
    found.push({ header, text: Buffer.concat(chunks).toString() });
  }
  return found;
}

/** A header block with some bytes replaced and the sum made right again. */
function forge(
  block: Uint8Array,
  changes: readonly (readonly [number, string | Uint8Array])[],
): Uint8Array {
  const bytes = Uint8Array.from(block.subarray(0, 512));
  for (const [at, value] of changes) {
    bytes.set(typeof value === "string" ? Buffer.from(value, "latin1") : value, at);
  }
  bytes.fill(0x20, 148, 156);
  const sum = bytes.reduce((total, byte) => total + byte, 0);
  bytes.set(Buffer.from(`${sum.toString(8).padStart(6, "0")}\0 `), 148);
  return bytes;
}

const file = (name: string, text: string, fields: Partial<TarHeader> = {}): TarMember => ({
  header: tarHeader({ name, type: "file", sizeBytes: Buffer.byteLength(text), ...fields }),
  body: Buffer.from(text),
});

describe("writeTar() and readTar()", () => {
  const longName = `${"directory/".repeat(30)}${"n".repeat(120)}`;
  const members: readonly TarMember[] = [
    { header: tarHeader({ name: "dir", type: "directory", mode: 0o1777 }) },
    file("dir/a", "hello", { uid: 5_000_000, gid: 7, userName: "root", mode: 0o4755 }),
    file("empty", ""),
    file("block", "x".repeat(512)),
    file(longName, "long"),
    file("ümlaut/файл", "utf8", { mtimeNanoseconds: 1_700_000_000_123_456_789n }),
    file("old", "x", { mtimeNanoseconds: -5_000_000_000n }),
    { header: tarHeader({ name: "link", type: "symlink", linkName: "../dir/a" }) },
    { header: tarHeader({ name: "far", type: "symlink", linkName: "t/".repeat(100) }) },
    { header: tarHeader({ name: "hard", type: "hardlink", linkName: "dir/a" }) },
    {
      header: tarHeader({ name: "null", type: "character-device", deviceMajor: 1, deviceMinor: 3 }),
    },
    { header: tarHeader({ name: "sda", type: "block-device", deviceMajor: 8 }) },
    { header: tarHeader({ name: "pipe", type: "fifo" }) },
    file("caps", "x", {
      xattrs: new Map([
        ["security.capability", Uint8Array.of(1, 0, 0, 2, 0, 10, 61)],
        ["user.empty=x", Buffer.from("v")],
      ]),
    }),
  ];

  test("give every member back, whatever the chunks", async () => {
    const bytes = await pack(members);
    expect(bytes.byteLength % 512).toBe(0);
    for (const chunkSize of [1, 511, 512, 513, 100_000]) {
      const found = await unpack(bytes, {}, chunkSize);
      expect(found.map(({ header }) => header.name)).toEqual([
        "dir/",
        ...members.slice(1).map(({ header }) => header.name),
      ]);
      expect(found[1]?.text).toBe("hello");
      expect(found[1]?.header).toMatchObject({
        uid: 5_000_000,
        gid: 7,
        mode: 0o4755,
        userName: "root",
      });
      expect(found[5]?.header.mtimeNanoseconds).toBe(1_700_000_000_123_456_789n);
      expect(found[6]?.header.mtimeNanoseconds).toBe(-5_000_000_000n);
      expect(found[8]?.header.linkName).toBe("t/".repeat(100));
      expect(found[10]?.header).toMatchObject({ deviceMajor: 1, deviceMinor: 3 });
      expect(found[13]?.header.xattrs.get("security.capability")).toEqual(
        Buffer.from([1, 0, 0, 2, 0, 10, 61]),
      );
    }
  });

  test("always give the same bytes", async () => {
    expect((await pack(members)).equals(await pack(members))).toBe(true);
  });

  test("keep a size of 9 GiB in a pax record", () => {
    const sizeBytes = 9 * 1024 ** 3;
    const blocks = Buffer.from(
      encodeTarHeader(tarHeader({ name: "big", type: "file", sizeBytes })),
    );
    expect(blocks.toString("latin1")).toContain(`19 size=${sizeBytes}\n`);
  });

  test("keep names that are not UTF-8", async () => {
    const rawName = Buffer.from([0x61, 0xff, 0x62]);
    const bytes = await pack([{ header: tarHeader({ name: "?", rawName, type: "file" }) }]);
    expect((await unpack(bytes))[0]?.header.rawName).toEqual(rawName);
  });

  test("refuse a body that does not fit its header", async () => {
    const header = tarHeader({ name: "a", type: "file", sizeBytes: 3 });
    expect(await rejectionOf(pack([{ header, body: Buffer.from("ab") }]))).toContain(
      "ended after 2 bytes",
    );
    expect(await rejectionOf(pack([{ header, body: Buffer.from("abcd") }]))).toContain("too long");
  });

  test("skip bodies that nobody reads", async () => {
    const names: string[] = [];
    for await (const { header } of readTar(chunked(await pack(members), 300)))
      names.push(header.name);
    expect(names).toHaveLength(members.length);
  });
});

describe("readTar()", () => {
  const header = encodeTarHeader(tarHeader({ name: "a", type: "file", sizeBytes: 600 }));
  const body = new Uint8Array(1024).fill(0x61);
  const whole = Buffer.concat([header, body, tarTrailer()]);

  test("names the place where the stream ended too early", async () => {
    for (const length of [1, 100, 511, 513, 700, 1100, 1500]) {
      expect(await rejectionOf(unpack(whole.subarray(0, length)))).toContain(
        `unexpected EOF after ${length} bytes`,
      );
    }
  });

  test("accepts an archive without its trailer, and an empty one", async () => {
    expect(await unpack(whole.subarray(0, 512 * 3))).toHaveLength(1);
    expect(await unpack(new Uint8Array())).toHaveLength(0);
    expect(await unpack(tarTrailer())).toHaveLength(0);
  });

  test("refuses a wrong checksum, foreign types, a negative size, letters for digits", async () => {
    const broken = Uint8Array.from(header);
    broken[0] = 0x62;
    expect(await rejectionOf(unpack(broken))).toContain("wrong checksum");
    expect(await rejectionOf(unpack(forge(header, [[156, "V"]])))).toContain(
      "unhandled tar header type 86",
    );
    const negative = new Uint8Array(12).fill(0xff);
    expect(await rejectionOf(unpack(forge(header, [[124, negative]])))).toContain(
      "size is negative",
    );
    expect(await rejectionOf(unpack(forge(header, [[124, "00000000zz\0"]])))).toContain(
      "not octal",
    );
    const huge = new Uint8Array(12).fill(0x7f);
    huge[0] = 0xbf;
    expect(await rejectionOf(unpack(forge(header, [[124, huge]])))).toContain("too large");
  });

  test("reads base-256 numbers", async () => {
    const uid = Uint8Array.of(0x80, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff);
    const bytes = Buffer.concat([forge(header, [[108, uid]]), body]);
    expect((await unpack(bytes))[0]?.header.uid).toBe(0x7fffffff);
  });

  test("keeps to its limits", async () => {
    const extension = forge(header, [
      [156, "x"],
      [124, "77777777777\0"],
    ]);
    expect(await rejectionOf(unpack(extension))).toContain(
      "an extended header has 8589934591 bytes",
    );
    expect(await rejectionOf(unpack(whole, { maxEntryBytes: 599 }))).toContain('"a" has 600 bytes');
    expect(await rejectionOf(unpack(whole, { maxTotalBytes: 599 }))).toContain(
      "more than 599 bytes in all",
    );
    expect(
      await rejectionOf(unpack(Buffer.concat([header, body, header, body]), { maxEntries: 1 })),
    ).toContain("more than 1 entries");
  });

  test("refuses broken pax records", async () => {
    const pax = (text: string): Buffer => {
      const data = Buffer.alloc(512);
      data.write(text, "latin1");
      const size = `${text.length.toString(8).padStart(11, "0")}\0`;
      return Buffer.concat([
        forge(header, [
          [156, "x"],
          [124, size],
        ]),
        data,
        header,
        body,
      ]);
    };
    for (const text of [
      "x",
      "5 a=b\n",
      "9999 a=b\n",
      "6 a=b",
      "6 =bb\n",
      "6 abc\n",
      "-6 a=b\n",
      "13 path=a\0b\n",
    ]) {
      expect(await rejectionOf(unpack(pax(text)))).toContain("invalid pax record");
    }
    expect(await rejectionOf(unpack(pax("12 size=-10\n")))).toContain("invalid pax record");
    expect((await unpack(pax("13 path=../x\n")))[0]?.header.name).toBe("../x");
  });

  test("refuses sparse maps that overlap, exceed the file or do not fit the data", async () => {
    const map = (text: string): Buffer => {
      const record = ` GNU.sparse.map=${text}\n`;
      const size = " GNU.sparse.size=5000\n";
      const records = [record, size].map((each) => `${each.length + 2}${each}`).join("");
      const data = Buffer.alloc(512);
      data.write(records);
      const length = `${records.length.toString(8).padStart(11, "0")}\0`;
      return Buffer.concat([
        forge(header, [
          [156, "x"],
          [124, length],
        ]),
        data,
        header,
        body,
      ]);
    };
    const good = await unpack(map("100,600"));
    expect(good[0]?.header.sizeBytes).toBe(5000);
    expect(good[0]?.text).toBe("\0".repeat(100) + "a".repeat(600) + "\0".repeat(4300));
    for (const text of ["100,599", "0,300,200,300", "4900,600", "1,2,3", "a,b", "-1,600"]) {
      expect(await rejectionOf(unpack(map(text)))).toMatch(/invalid/);
    }
  });

  test("survives every single changed byte of an archive", async () => {
    const bytes = await pack([file("ünicode", "text", { mtimeNanoseconds: 1n }), file("b", "bb")]);
    for (let at = 0; at < bytes.byteLength; at += 7) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 0x55;
      try {
        await unpack(changed, { maxEntryBytes: 1_000_000 });
      } catch (error) {
        expect(String(error)).toContain("Cannot read tar archive");
      }
    }
  });

  test("closes the stream when the reader leaves early", async () => {
    let isClosed = false;
    async function* stream(): AsyncIterable<Uint8Array> {
      try {
        yield whole;
        yield whole;
      } finally {
        isClosed = true;
      }
    }
    for await (const _ of readTar(stream())) break;
    expect(isClosed).toBe(true);
  });
});
