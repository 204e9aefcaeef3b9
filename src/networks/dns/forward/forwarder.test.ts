import { describe, expect, test } from "bun:test";
import { ManualClock } from "#host/fake/clock.ts";
import { FakeServers, type FakeServer } from "#networks/dns/testing/fake-servers.ts";
import { question, readAnswer, reply } from "#networks/dns/testing/messages.ts";
import type { Upstream } from "#networks/dns/upstreams.ts";
import { FLAG, RCODE } from "#networks/dns/wire/constants.ts";
import { parseQuery, type Query } from "#networks/dns/wire/query.ts";
import { Forwarder } from "./forwarder.ts";

const good: FakeServer = (asked, say) => say(reply(asked, { addresses: ["192.0.2.1"] }));
const silent: FakeServer = () => {};
const saying =
  (rcode: number): FakeServer =>
  (asked, say) =>
    say(reply(asked, { rcode }));

function queryOf(message: Buffer): Query {
  const query = parseQuery(message);
  if (query?.kind !== "query") throw new Error("The test's question is none");
  return query;
}

function open(servers: Readonly<Record<string, FakeServer>>) {
  const clock = new ManualClock();
  const internet = new FakeServers(servers);
  let next = 0;
  const randomBytes = (count: number): Uint8Array => {
    next += 1;
    return new Uint8Array(count).fill(next);
  };
  const forwarder = new Forwarder({ internet, clock, randomBytes });
  const upstreams = Object.keys(servers).map((address): Upstream => ({ address, from: "host" }));
  const ending = new AbortController();
  const ask = async (transport: "udp" | "tcp" = "udp", from = upstreams, name = "example.org") => {
    const answer = await forwarder.forward(queryOf(question(name)), transport, {
      namespacePath: "/ns",
      upstreams: from,
      signal: ending.signal,
    });
    return readAnswer(answer);
  };
  /** Lets all the time pass that an exchange may take. */
  const askPatiently = async (transport: "udp" | "tcp" = "udp") => {
    const answer = ask(transport);
    let isDone = false;
    void answer.finally(() => {
      isDone = true;
    });
    for (let second = 0; second < 30 && !isDone; second += 1) await clock.advance(1000);
    return { answer: await answer, elapsedMs: clock.monotonicMs() };
  };
  return { clock, internet, ask, askPatiently, ending };
}

describe.each(["udp", "tcp"] as const)("Forwarder.forward() by %s", (transport) => {
  test("gives the client's id back and asks with another one", async () => {
    const { ask, internet } = open({ "10.0.0.1": good });
    expect(await ask(transport)).toMatchObject({ id: 0x1234, data: ["192.0.2.1"] });
    expect(internet.ids).toEqual([0x0101]);
    expect(internet.open).toBe(0);
  });

  test.each([
    ["SERVFAIL", saying(RCODE.serverFailure)],
    ["REFUSED", saying(RCODE.refused)],
    [
      "a message that ends too soon",
      (asked: Buffer, say: (message: Buffer) => void) => {
        say(reply(asked, { addresses: ["1.1.1.1"] }).subarray(0, -2));
      },
    ],
    ["no way there", "unreachable"],
  ] as const)("takes the next server at once after %s", async (_, first) => {
    const { ask, internet } = open({ "10.0.0.1": first, "10.0.0.2": good });
    expect((await ask(transport)).data).toEqual(["192.0.2.1"]);
    expect(internet.asked.at(-1)).toBe(`10.0.0.2 ${transport}`);
  });

  test("takes NXDOMAIN and an empty answer for an answer", async () => {
    const { ask, internet } = open({ "10.0.0.1": saying(RCODE.nameError), "10.0.0.2": good });
    expect((await ask(transport)).rcode).toBe(RCODE.nameError);
    expect(internet.asked).toHaveLength(1);
  });

  test("says that there is no answer when no server has one", async () => {
    const { ask, internet } = open({
      "10.0.0.1": saying(RCODE.refused),
      "10.0.0.2": saying(RCODE.serverFailure),
    });
    expect((await ask(transport)).rcode).toBe(RCODE.serverFailure);
    expect(internet.asked).toHaveLength(2);
    expect((await ask(transport, [])).rcode).toBe(RCODE.serverFailure);
  });

  test("asks the next server when one is silent, and that one first from then on", async () => {
    const { ask, askPatiently, internet, clock } = open({ "10.0.0.1": silent, "10.0.0.2": good });
    const { answer, elapsedMs } = await askPatiently(transport);
    expect(answer.data).toEqual(["192.0.2.1"]);
    expect(elapsedMs).toBeLessThanOrEqual(4000);
    await ask(transport);
    expect(internet.asked.map((one) => one.split(" ")[0])).toEqual([
      "10.0.0.1",
      "10.0.0.2",
      "10.0.0.2",
    ]);
    await clock.advance(30_000);
    await askPatiently(transport);
    expect(internet.asked.at(-2)).toStartWith("10.0.0.1");
    expect(internet.open).toBe(0);
  });

  test("ends with the container, and leaves no socket", async () => {
    const { ask, ending, internet, clock } = open({ "10.0.0.1": silent });
    const answer = ask(transport);
    await clock.untilWaiting();
    ending.abort();
    expect((await answer).rcode).toBe(RCODE.serverFailure);
    expect(internet.open).toBe(0);
  });
});

describe("Forwarder.forward() by udp", () => {
  test("sends again to a lone server, and gives up in the end", async () => {
    const { askPatiently, internet } = open({ "10.0.0.1": silent });
    const { answer, elapsedMs } = await askPatiently();
    expect(answer.rcode).toBe(RCODE.serverFailure);
    expect(internet.asked).toHaveLength(2);
    expect(elapsedMs).toBe(6000);
  });

  test("takes a late answer of a server that it had given up", async () => {
    let sayLate = (): void => {};
    const late: FakeServer = (asked, say) => {
      sayLate = () => say(reply(asked, { addresses: ["192.0.2.7"] }));
    };
    const { ask, clock } = open({ "10.0.0.1": late, "10.0.0.2": silent });
    const answer = ask();
    await clock.untilWaiting();
    await clock.advance(1000);
    sayLate();
    expect((await answer).data).toEqual(["192.0.2.7"]);
  });

  test("takes no answer to another question, id or name, and waits on for the right one", async () => {
    const liar: FakeServer = (asked, say) => {
      const wrongId = reply(asked, { addresses: ["6.6.6.6"] });
      wrongId.writeUInt16BE(asked.readUInt16BE(0) ^ 1, 0);
      say(wrongId);
      const wrongName = reply(question("example.com"), { addresses: ["6.6.6.6"] });
      asked.copy(wrongName, 0, 0, 2);
      say(wrongName);
      const wrongType = reply(question("example.org", { type: 28 }), { addresses: ["6.6.6.6"] });
      asked.copy(wrongType, 0, 0, 2);
      say(wrongType);
      say(asked); // the question itself
      say(Buffer.alloc(3));
      say(reply(asked, { addresses: ["192.0.2.1"] }));
    };
    const { ask } = open({ "10.0.0.1": liar });
    expect((await ask()).data).toEqual(["192.0.2.1"]);
  });

  test("leaves a socket at which somebody guesses", async () => {
    const guesser: FakeServer = (asked, say) => {
      for (let guess = 0; guess < 40; guess += 1) {
        const message = reply(asked, { addresses: ["6.6.6.6"] });
        message.writeUInt16BE(guess === 39 ? asked.readUInt16BE(0) : 0xf000 + guess, 0);
        say(message);
      }
    };
    const { ask } = open({ "10.0.0.1": guesser, "10.0.0.2": good });
    expect((await ask()).data).toEqual(["192.0.2.1"]);
  });

  test("hands a truncated answer on, for the client to come by TCP", async () => {
    const { ask, internet } = open({
      "10.0.0.1": (asked, say) => say(reply(asked, { flags: FLAG.truncated })),
      "10.0.0.2": good,
    });
    expect((await ask()).isTruncated).toBe(true);
    expect(internet.asked).toHaveLength(1);
  });

  test("asks the host's servers from the host, the user's from the container", async () => {
    const { ask, internet } = open({ "10.0.0.1": good });
    await ask("udp", [{ address: "10.0.0.1", from: "container" }]);
    await ask("udp", [{ address: "10.0.0.1", from: "host" }]);
    expect(internet.asked).toEqual(["10.0.0.1 udp /ns", "10.0.0.1 udp"]);
  });

  test("refuses more questions at once than a container may have", async () => {
    const { ask, ending, internet } = open({ "10.0.0.1": silent });
    const answers = Array.from({ length: 1030 }, () => ask());
    ending.abort();
    const codes = (await Promise.all(answers)).map(({ rcode }) => rcode);
    expect(codes.filter((code) => code === RCODE.refused)).toHaveLength(6);
    expect(internet.open).toBe(0);
  });
});
