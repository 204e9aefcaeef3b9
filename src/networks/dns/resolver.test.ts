import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseNetworkId } from "#spec/ids.ts";
import type { Zone } from "./look-up.ts";
import { NameTable } from "./name-table.ts";
import { type Decision, Resolver } from "./resolver.ts";
import { question, readAnswer, reply } from "./testing/messages.ts";
import { FLAG, RCODE, TYPE } from "./wire/constants.ts";

const WEB = parseNetworkId("a".repeat(64));
const BACK = parseNetworkId("b".repeat(64));
const ZONE: Zone = [{ id: WEB, name: "web", links: new Map([["database", "db"]]) }];

function newTable(): NameTable {
  const table = new NameTable();
  table.put(WEB, { containerId: "1", addresses: ["10.0.0.2"], names: ["db", "www"] });
  table.put(WEB, { containerId: "2", addresses: ["10.0.0.3", "fd00::3"], names: ["api", "www"] });
  table.put(BACK, { containerId: "3", addresses: ["10.1.0.2"], names: ["secret"] });
  return table;
}

function newResolver(table = newTable(), zone = ZONE, random = () => 0.999): Resolver {
  return new Resolver({ table, zone, random });
}

function answerTo(message: Buffer, resolver = newResolver(), transport: "udp" | "tcp" = "udp") {
  const decision = resolver.decide(message, transport);
  if (decision.kind !== "answer") throw new Error(`No answer but: ${decision.kind}`);
  return readAnswer(decision.bytes);
}

const kindOf = (message: Buffer): Decision["kind"] => newResolver().decide(message, "udp").kind;

describe("Resolver", () => {
  test.each([
    ["db", ["10.0.0.2"]],
    ["DB.", ["10.0.0.2"]],
    ["db.web", ["10.0.0.2"]],
    ["Db.WEB", ["10.0.0.2"]],
    ["www", ["10.0.0.2", "10.0.0.3"]],
    ["database", ["10.0.0.2"]],
  ])("answers %p", (name, addresses) => {
    expect(answerTo(question(name))).toMatchObject({
      id: 0x1234,
      rcode: RCODE.noError,
      data: addresses,
      isTruncated: false,
    });
  });

  test.each(["secret", "secret.back", "db.back", "db.nosuch", "example.org", "web", ""])(
    "leaves %p to others",
    (name) => expect(kindOf(question(name))).toBe("forward"),
  );

  test("says that a name of ours has no address of a family, and nothing else that leads to a host", () => {
    expect(answerTo(question("api", { type: TYPE.aaaa })).data).toEqual([
      "fd00:0000:0000:0000:0000:0000:0000:0003",
    ]);
    for (const type of [TYPE.aaaa, TYPE.mx, TYPE.https, TYPE.svcb]) {
      expect(answerTo(question("db", { type }))).toMatchObject({ rcode: 0, data: [] });
    }
    expect(kindOf(question("db", { type: 16 }))).toBe("forward");
    expect(kindOf(question("db", { class: 3 }))).toBe("forward");
  });

  test("finds names by address in both families", () => {
    const pointer = (name: string) => question(name, { type: TYPE.ptr });
    expect(answerTo(pointer("2.0.0.10.in-addr.arpa")).data).toEqual(["db.web"]);
    const nibbles = `3.${"0.".repeat(27)}0.0.d.f.ip6.arpa`;
    expect(answerTo(pointer(nibbles)).data).toEqual(["api.web"]);
    expect(answerTo(pointer(nibbles.toUpperCase())).data).toEqual(["api.web"]);
    for (const name of ["2.0.1.10.in-addr.arpa", "0.0.10.in-addr.arpa", "x.ip6.arpa"]) {
      expect(kindOf(pointer(name))).toBe("forward");
    }
  });

  test("shuffles", () => {
    const orders = [0, 0.999].map((draw) => {
      const resolver = newResolver(newTable(), ZONE, () => draw);
      return answerTo(question("www"), resolver).data.join();
    });
    expect(orders.toSorted()).toEqual(["10.0.0.2,10.0.0.3", "10.0.0.3,10.0.0.2"]);
  });

  test("tells by UDP what fits, by TCP all", () => {
    const table = newTable();
    for (let host = 1; host <= 100; host += 1) {
      table.put(WEB, { containerId: `c${host}`, addresses: [`10.9.0.${host}`], names: ["many"] });
    }
    const resolver = newResolver(table);
    const plain = answerTo(question("many"), resolver);
    expect([plain.data.length, plain.isTruncated]).toEqual([30, true]);
    const edns = answerTo(question("many", { ednsBytes: 1232 }), resolver);
    expect([edns.data.length, edns.isTruncated, edns.hasEdns]).toEqual([74, true, true]);
    const tiny = answerTo(question("many", { ednsBytes: 1 }), resolver);
    expect(tiny.data.length).toBe(30 - 1);
    const tcp = answerTo(question("many"), resolver, "tcp");
    expect([tcp.data.length, tcp.isTruncated]).toEqual([100, false]);
  });

  test("sees changes at once", () => {
    const table = newTable();
    const resolver = newResolver(table);
    expect(answerTo(question("db"), resolver).data).toEqual(["10.0.0.2"]);
    table.put(WEB, { containerId: "1", addresses: ["10.0.0.9"], names: ["db"] });
    expect(answerTo(question("db"), resolver).data).toEqual(["10.0.0.9"]);
    table.remove(WEB, "1");
    expect(resolver.decide(question("db"), "udp").kind).toBe("forward");
    resolver.setZone([...ZONE, { id: BACK, name: "back", links: new Map() }]);
    expect(answerTo(question("secret"), resolver).data).toEqual(["10.1.0.2"]);
  });

  test("a link hides the name that it is like, also while its target is gone", () => {
    const table = newTable();
    const zone = [{ id: WEB, name: "web", links: new Map([["api", "db"]]) }];
    expect(answerTo(question("api"), newResolver(table, zone)).data).toEqual(["10.0.0.2"]);
    table.remove(WEB, "1");
    expect(newResolver(table, zone).decide(question("api"), "udp").kind).toBe("forward");
  });

  test("refuses what is no question, and says nothing to an answer", () => {
    const twice = question("db");
    twice.writeUInt16BE(2, 4);
    const pointer = Buffer.concat([
      question("").subarray(0, 12),
      Buffer.from("c00c00010001", "hex"),
    ]);
    const cut = question("db").subarray(0, 15);
    for (const message of [twice, pointer, cut]) {
      expect(answerTo(message)).toMatchObject({ rcode: RCODE.formatError, questions: 0 });
    }
    expect(answerTo(question("db", { flags: 0x2000 })).rcode).toBe(RCODE.notImplemented);
    expect(answerTo(question("db", { ednsBytes: 1232, ednsVersion: 1 })).hasEdns).toBe(true);
    expect(kindOf(reply(question("db")))).toBe("silence");
    expect(kindOf(Buffer.alloc(11))).toBe("silence");
  });

  test("answers any bytes within bounds, or not at all", () => {
    const resolver = newResolver();
    const isFine = (message: Buffer): void => {
      const decision = resolver.decide(message, "udp");
      if (decision.kind !== "answer") return;
      expect(decision.bytes.length).toBeLessThanOrEqual(Math.max(512, message.length + 11));
      expect(decision.bytes.readUInt16BE(2) & FLAG.response).toBe(FLAG.response);
      readAnswer(decision.bytes);
    };
    fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => isFine(Buffer.from(bytes))));
    const valid = question("www.web", { ednsBytes: 512 });
    const change = fc.record({ at: fc.nat(valid.length - 1), to: fc.nat(255), cut: fc.nat(40) });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 4 }), (changes) => {
        const message = Buffer.from(valid);
        for (const { at, to } of changes) message[at] = to;
        isFine(message.subarray(0, message.length - (changes[0]?.cut ?? 0)));
      }),
    );
  });
});
