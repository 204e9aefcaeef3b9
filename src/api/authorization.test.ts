import { afterEach, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import type { AuthorizationCall, AuthorizationReply, Authorizer } from "#auth/authorizer.ts";
import { FailedPreconditionError } from "#base/errors.ts";
import { writePiece, beginStream, sendJson } from "./exchange.ts";
import { isShown } from "./authorization.ts";
import { answer, type Route } from "./router.ts";
import { ApiServer } from "./server.ts";

const TLS = join(import.meta.dir, "../client/testdata/tls");
const pem = (name: string): string => readFileSync(join(TLS, name), "utf8");

class RecordingAuthorizer implements Authorizer {
  readonly isActive = true;
  readonly calls: AuthorizationCall[] = [];
  readonly replies: AuthorizationReply[] = [];
  denial: Error | undefined;

  async checkCall(call: AuthorizationCall): Promise<void> {
    this.calls.push(call);
  }

  async checkReply(_call: AuthorizationCall, reply: AuthorizationReply): Promise<void> {
    this.replies.push(reply);
    if (this.denial) throw this.denial;
  }
}

const SILENT = {
  isDebug: false,
  debug: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
let server: ApiServer | undefined;
afterEach(async () => await server?.[Symbol.asyncDispose]());

async function open(authorizer: Authorizer, routes: readonly Route[]): Promise<number> {
  server = new ApiServer({ routes, product: "p", experimental: false, log: SILENT, authorizer });
  const tls = {
    certificate: pem("server.pem"),
    key: pem("server-key.pem"),
    clientAuthorities: pem("ca.pem"),
  };
  const name = await server.listen({ kind: "tcp", host: "127.0.0.1", port: 0, tls });
  return Number(/:(\d+)$/.exec(name)?.[1]);
}

async function get(port: number, path: string): Promise<readonly [number, string]> {
  return await new Promise((resolve, reject) => {
    const options = {
      host: "127.0.0.1",
      port,
      path,
      cert: pem("client.pem"),
      key: pem("client-key.pem"),
      ca: pem("ca.pem"),
      agent: false,
    };
    const asked = request(options, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () =>
        resolve([response.statusCode ?? 0, Buffer.concat(chunks).toString()]),
      );
    });
    asked.on("error", reject);
    asked.end();
  });
}

describe("authorization at the API", () => {
  test("names the user by the client's certificate", async () => {
    const authorizer = new RecordingAuthorizer();
    const route = answer("GET", "/thing", (exchange) => sendJson(exchange, 200, { a: 1 }));
    const port = await open(authorizer, [route]);
    expect(await get(port, "/v1.47/thing?q=1")).toEqual([200, '{"a":1}\n']);
    const [call] = authorizer.calls;
    expect(call?.userAuthenticationMethod).toBe("TLS");
    expect(call?.user).not.toBe("");
    expect(call?.peerCertificates[0]?.replaceAll(/\s/g, "")).toBe(
      pem("client.pem").replaceAll(/\s/g, ""),
    );
    expect(authorizer.replies[0]?.body?.toString()).toBe('{"a":1}\n');
  });

  test("a stream goes out as it comes; a later denial cannot take it back", async () => {
    const authorizer = new RecordingAuthorizer();
    authorizer.denial = new FailedPreconditionError("no");
    const routes = [
      answer("GET", "/stream", async (exchange) => {
        beginStream(exchange, "application/json");
        await writePiece(exchange, "1\n");
        exchange.response.end();
      }),
      answer("GET", "/large", (exchange) => {
        exchange.response.writeHead(200, {});
        exchange.response.write("x".repeat(100_000));
        exchange.response.end("y");
      }),
      answer("GET", "/small", (exchange) => sendJson(exchange, 200, {})),
    ];
    const port = await open(authorizer, routes);
    expect(await get(port, "/stream")).toEqual([200, "1\n"]);
    expect((await get(port, "/large"))[1]).toHaveLength(100_001);
    expect((await get(port, "/small"))[0]).toBe(500);
  });

  test("isShown() is JSON only, and nothing that has a password", () => {
    expect(isShown("/v1.47/volumes/create?x", "application/json; charset=utf-8")).toBe(true);
    expect(isShown("/v1.47/auth?x", "application/json")).toBe(false);
    expect(isShown("/images/load", "application/x-tar")).toBe(false);
    expect(isShown("/x", undefined)).toBe(false);
  });
});
