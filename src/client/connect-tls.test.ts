import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { failureOf } from "#client/testing/failure.ts";
import type { TlsMaterial } from "./connect-socket.ts";
import { type EngineClient, openEngineClient } from "./engine-client.ts";

// Made once by openssl, valid for a hundred years: a CA, a server and a client of it, a stranger.
function pem(name: string): string {
  return readFileSync(new URL(`./testdata/tls/${name}.pem`, import.meta.url), "utf8");
}

interface TlsEngine extends AsyncDisposable {
  client(tls: TlsMaterial | undefined): EngineClient;
}

async function openTlsEngine(serverName: "server" | "stranger"): Promise<TlsEngine> {
  const server = createServer(
    {
      cert: pem(serverName),
      key: pem(`${serverName}-key`),
      ca: pem("ca"),
      requestCert: true,
      rejectUnauthorized: true,
    },
    (request, response) => {
      response.setHeader("Api-Version", "1.56");
      response.end(request.url === "/_ping" ? "" : "x".repeat(1_000_000));
    },
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const text = `tcp://127.0.0.1:${port}`;
  return {
    client: (tls) =>
      openEngineClient({
        endpoint: { kind: "tcp", host: "127.0.0.1", port, text },
        userAgent: "test",
        ...(tls ? { tls } : {}),
      }),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const own: TlsMaterial = {
  verify: true,
  ca: pem("ca"),
  cert: pem("client"),
  key: pem("client-key"),
};

test("mutual TLS: both sides know each other", async () => {
  await using engine = await openTlsEngine("server");
  await using client = engine.client(own);
  const response = await client.request("GET", "/x");
  expect((await response.bytes()).length).toBe(1_000_000);
});

test("mutual TLS: a server that the CA does not know is refused, unless nobody asks", async () => {
  await using engine = await openTlsEngine("stranger");
  await using strict = engine.client(own);
  expect((await failureOf(strict.ping())).message).toContain("error during connect");
  await using lax = engine.client({ verify: false, cert: pem("client"), key: pem("client-key") });
  expect(await lax.ping()).toMatchObject({ apiVersion: "1.56" });
});

test("mutual TLS: a client without a certificate is refused, and one without TLS", async () => {
  await using engine = await openTlsEngine("server");
  await using anonymous = engine.client({ verify: true, ca: pem("ca") });
  expect((await failureOf(anonymous.ping())).message).toContain("error during connect");
  await using plain = engine.client(undefined);
  expect(await failureOf(plain.ping())).toBeInstanceOf(Error);
});
