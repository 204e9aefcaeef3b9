import { describe, expect, test } from "bun:test";
import { UnavailableError } from "#base/errors.ts";
import { parseHttpTarget, parseTcpTarget } from "#spec/engine-api/health-target.ts";
import { probeHttp, type ProbeSockets, probeTcp } from "./probe-network.ts";

const NEVER = new AbortController().signal;

/** Answers at `addresses` with `chunks`; what it was asked is in `asked`. */
function sockets(addresses: readonly string[], chunks: readonly string[] = []) {
  const asked: string[] = [];
  const fake: ProbeSockets = {
    connectTcp: async ({ namespacePath, address, port }) => {
      asked.push(`${namespacePath} ${address} ${port}`);
      if (!addresses.includes(address)) throw new UnavailableError("connection refused");
      return {
        async *data() {
          for (const chunk of chunks) yield new TextEncoder().encode(chunk);
        },
        write: (bytes) => void asked.push(new TextDecoder().decode(bytes)),
        [Symbol.dispose]: () => undefined,
      };
    },
  };
  return { fake, asked };
}

async function http(chunks: readonly string[], target = ":80/up") {
  return await probeHttp(
    sockets(["127.0.0.1"], chunks).fake,
    "/ns",
    parseHttpTarget(target),
    NEVER,
  );
}

describe("probeHttp()", () => {
  test("asks for the path, and closes", async () => {
    const { fake, asked } = sockets(["127.0.0.1"], ["HTTP/1.1 200 OK\r\n\r\nfine"]);
    expect(await probeHttp(fake, "/ns", parseHttpTarget(":80/up?x"), NEVER)).toEqual({
      exitCode: 0,
      output: "HTTP 200 OK\nfine",
    });
    expect(asked[0]).toBe("/ns 127.0.0.1 80");
    expect(asked[1]).toStartWith("GET /up?x HTTP/1.1\r\nHost: localhost:80\r\n");
    expect(asked[1]).toEndWith("\r\nConnection: close\r\n\r\n");
  });

  test("takes 200 to 399 for well, and follows no redirect", async () => {
    expect((await http(["HTTP/1.0 204\r\n\r\n"])).exitCode).toBe(0);
    const redirect = ["HTTP/1.1 302 Found\r\nLocation: http://x/\r\n\r\n"];
    expect(await http(redirect)).toEqual({ exitCode: 0, output: "HTTP 302 Found" });
    expect(await http(["HTTP/1.1 404 Not Found\r\n", "\r\n", "no"])).toEqual({
      exitCode: 1,
      output: "HTTP 404 Not Found\nno",
    });
  });

  test("is not led astray by what is no HTTP, nor by a head or a body without end", async () => {
    const nonsense = { exitCode: 1, output: "The answer is not HTTP" };
    expect(await http(["SSH-2.0-OpenSSH\r\n\r\n"])).toEqual(nonsense);
    expect(await http([])).toEqual(nonsense);
    expect(
      await http(["HTTP/1.1 200 OK\r\n", ...("x".repeat(20_000).match(/.{1000}/g) ?? [])]),
    ).toEqual(nonsense);
    const long = await http(["HTTP/1.1 200 OK\r\n\r\n", "y".repeat(5000)]);
    expect(long.output).toBe(`HTTP 200 OK\n${"y".repeat(4096)}...`);
  });
});

describe("probeTcp()", () => {
  test("tries IPv4, then IPv6 for localhost", async () => {
    const { fake, asked } = sockets(["::1"]);
    expect(await probeTcp(fake, "/ns", parseTcpTarget("81"), NEVER)).toEqual({
      exitCode: 0,
      output: "Connected to [::1]:81",
    });
    expect(asked).toEqual(["/ns 127.0.0.1 81", "/ns ::1 81"]);
  });

  test("says why it is not well", async () => {
    expect(await probeTcp(sockets([]).fake, "/ns", parseTcpTarget("81"), NEVER)).toEqual({
      exitCode: 1,
      output: "Cannot connect to 127.0.0.1:81: connection refused",
    });
  });
});
