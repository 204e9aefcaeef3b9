import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { rejectionOf } from "#base/testing/rejection.ts";
import { digestOf } from "#spec/digest.ts";
import { OCI_MANIFEST } from "#spec/media-types.ts";
import type { RegistryCredentials } from "./auth/credentials.ts";
import { parseRegistryMirror } from "./endpoints.ts";
import type { RegistryClient } from "./registry-client.ts";
import { offlineRegistries } from "./testing/offline.ts";

const never = new AbortController().signal;
const MANIFEST = JSON.stringify({
  schemaVersion: 2,
  mediaType: OCI_MANIFEST,
  config: { mediaType: "application/vnd.oci.empty.v1+json", digest: digestOf("{}"), size: 2 },
  layers: [],
});

type Answer = (request: Request, url: URL, body: string) => Response | undefined;

interface FakeServer {
  readonly url: string;
  readonly domain: string;
  /** `METHOD path?query`, with the `Authorization` behind it where there was one. */
  readonly log: string[];
}

let servers: Bun.Server<undefined>[] = [];
let clients: RegistryClient[] = [];
beforeEach(() => {
  servers = [];
  clients = [];
});
afterEach(async () => {
  for (const client of clients) client[Symbol.dispose]();
  await Promise.all(servers.map((server) => server.stop(true)));
});

function serve(
  answer: Answer,
  tls?: { readonly key: string; readonly cert: string; readonly ca?: string },
): FakeServer {
  const log: string[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    ...(tls
      ? { tls: { ...tls, ...(tls.ca ? { requestCert: true, rejectUnauthorized: true } : {}) } }
      : {}),
    fetch: async (request) => {
      const url = new URL(request.url);
      const authorization = request.headers.get("authorization");
      log.push(
        `${request.method} ${url.pathname}${url.search}${authorization === null ? "" : ` ${authorization}`}`,
      );
      return answer(request, url, await request.text()) ?? standard(url);
    },
  });
  servers.push(server);
  const scheme = tls ? "https" : "http";
  const domain = `127.0.0.1:${server.port}`;
  return { url: `${scheme}://${domain}`, domain, log };
}

function standard(url: URL): Response {
  if (url.pathname === "/v2/") return new Response("{}");
  if (url.pathname.includes("/manifests/")) {
    return new Response(MANIFEST, { headers: { "Content-Type": OCI_MANIFEST } });
  }
  return Response.json(
    { errors: [{ code: "BLOB_UNKNOWN", message: "blob unknown to registry" }] },
    { status: 404 },
  );
}

function open(settings?: Parameters<typeof offlineRegistries>[0]): RegistryClient {
  const client = offlineRegistries(settings);
  clients.push(client);
  return client;
}

async function fetchManifest(
  domain: string,
  credentials: RegistryCredentials = {},
  client: RegistryClient = open(),
): Promise<string> {
  const repository = await client.repository({ domain, path: "a/b" }, credentials, "pull");
  return new TextDecoder().decode((await repository.fetchManifest("1", never)).bytes);
}

function refuse(challenge: string): Response {
  return Response.json(
    { errors: [{ code: "UNAUTHORIZED", message: "authentication required" }] },
    { status: 401, headers: { "WWW-Authenticate": challenge } },
  );
}

describe("Basic", () => {
  const answer: Answer = (request) =>
    request.headers.get("authorization") === `Basic ${btoa("ann:secret")}`
      ? undefined
      : refuse('Basic realm="r"');

  test("credentials are shown where they are asked for, and only then", async () => {
    const guarded = serve(answer);
    expect(await fetchManifest(guarded.domain, { username: "ann", password: "secret" })).toBe(
      MANIFEST,
    );
    expect(guarded.log[0]).toBe("GET /v2/");
    const free = serve(() => undefined);
    await fetchManifest(free.domain, { username: "ann", password: "secret" });
    expect(free.log.join()).not.toContain("Basic");
  });

  test("wrong ones are refused in the registry's words", async () => {
    const { domain, url } = serve(answer);
    const wrong = { username: "ann", password: "x" };
    expect(await rejectionOf(fetchManifest(domain, wrong))).toBe(
      "unauthorized: authentication required",
    );
    expect(await rejectionOf(open().logIn(domain, wrong, never))).toBe(
      `Get "${url}/v2/": unauthorized: authentication required`,
    );
  });
});

describe("Bearer", () => {
  let given = 0;
  /** Tokens count up; only the newest opens. */
  function guarded(extra: Readonly<Record<string, unknown>> = {}): {
    readonly registry: FakeServer;
    readonly auth: FakeServer;
  } {
    given = 0;
    const auth = serve((request, url) => {
      if (url.pathname !== "/token") return undefined;
      const basic = request.headers.get("authorization");
      if (basic !== null && basic !== `Basic ${btoa("ann:secret")}`) {
        return Response.json({ details: "incorrect username or password" }, { status: 401 });
      }
      given++;
      return Response.json({ token: `t${given}`, ...extra });
    });
    const registry = serve((request) =>
      given > 0 && request.headers.get("authorization") === `Bearer t${given}`
        ? undefined
        : refuse(`Bearer realm="${auth.url}/token",service="reg"`),
    );
    return { registry, auth };
  }

  test("an anonymous token is fetched once for all requests of a scope", async () => {
    const { registry, auth } = guarded();
    const repository = await open().repository(
      { domain: registry.domain, path: "a/b" },
      {},
      "pull",
    );
    await repository.fetchManifest("1", never);
    await repository.headManifest("1", never);
    expect(auth.log).toEqual(["GET /token?scope=repository%3Aa%2Fb%3Apull&service=reg"]);
    expect(registry.log).toEqual([
      "GET /v2/",
      "GET /v2/a/b/manifests/1 Bearer t1",
      "HEAD /v2/a/b/manifests/1 Bearer t1",
    ]);
  });

  test("credentials go to the place of tokens alone", async () => {
    const { registry, auth } = guarded();
    await fetchManifest(registry.domain, { username: "ann", password: "secret" });
    expect(auth.log[0]).toContain(`account=ann`);
    expect(auth.log[0]).toEndWith(`Basic ${btoa("ann:secret")}`);
    expect(registry.log.join()).not.toContain("Basic");
  });

  test("wrong credentials are refused in the words of the place of tokens", async () => {
    const { registry } = guarded();
    const wrong = { username: "ann", password: "x" };
    expect(await rejectionOf(open().logIn(registry.domain, wrong, never))).toBe(
      `Get "${registry.url}/v2/": unauthorized: incorrect username or password`,
    );
  });

  test("a token that the registry takes no more is fetched anew", async () => {
    const { registry, auth } = guarded();
    const repository = await open().repository(
      { domain: registry.domain, path: "a/b" },
      {},
      "pull",
    );
    await repository.fetchManifest("1", never);
    given++; // as if it had been taken back
    await repository.fetchManifest("1", never);
    expect(auth.log).toHaveLength(2);
  });

  test("an identity token is exchanged", async () => {
    let form = "";
    const auth = serve((_request, url, body) => {
      if (url.pathname !== "/token") return undefined;
      form = body;
      return Response.json({ access_token: "fresh" });
    });
    const registry = serve((request) =>
      request.headers.get("authorization") === "Bearer fresh"
        ? undefined
        : refuse(`Bearer realm="${auth.url}/token",service="reg"`),
    );
    await fetchManifest(registry.domain, { username: "ann", identityToken: "long lived" });
    expect(auth.log).toEqual(["POST /token"]);
    expect(Object.fromEntries(new URLSearchParams(form))).toMatchObject({
      grant_type: "refresh_token",
      refresh_token: "long lived",
      scope: "repository:a/b:pull",
    });
  });

  test("login gives the identity token that it gets", async () => {
    const { registry, auth } = guarded({ refresh_token: "keep me" });
    const token = await open().logIn(
      registry.domain,
      { username: "ann", password: "secret" },
      never,
    );
    expect(token).toBe("keep me");
    expect(auth.log[0]).toContain("offline_token=true");
  });
});

describe("a redirect", () => {
  const blob = Buffer.from("content of a blob");

  test("to another host does not carry the credentials", async () => {
    const other = serve((_request, url) =>
      url.pathname === "/signed" ? new Response(blob) : undefined,
    );
    const registry = serve((request, url) => {
      if (request.headers.get("authorization") === null) return refuse("Basic");
      if (!url.pathname.includes("/blobs/")) return undefined;
      return new Response(null, {
        status: 307,
        headers: { Location: `${other.url}/signed?key=1` },
      });
    });
    const credentials = { username: "ann", password: "secret" };
    const repository = await open().repository(
      { domain: registry.domain, path: "a/b" },
      credentials,
      "pull",
    );
    expect(Buffer.from(await repository.readBlob(digestOf(blob), 100, never)).toString()).toBe(
      blob.toString(),
    );
    expect(other.log).toEqual(["GET /signed?key=1"]);
  });

  test("without end is given up", async () => {
    const registry = serve((_request, url) =>
      url.pathname.includes("/blobs/")
        ? new Response(null, { status: 302, headers: { Location: url.pathname } })
        : undefined,
    );
    const repository = await open().repository(
      { domain: registry.domain, path: "a/b" },
      {},
      "pull",
    );
    expect(await rejectionOf(repository.readBlob(digestOf(blob), 100, never))).toContain(
      "stopped after 10 redirects",
    );
  });
});

describe("mirrors", () => {
  test("are asked first, without credentials; the registry answers for what they lack", async () => {
    const registry = serve((request) =>
      request.headers.get("authorization") === null ? refuse("Basic") : undefined,
    );
    const mirror = serve((_request, url) =>
      url.pathname === "/hub/v2/a/b/manifests/1"
        ? undefined
        : new Response("{}", { status: url.pathname === "/hub/v2/" ? 200 : 404 }),
    );
    const mirrors = [parseRegistryMirror(`${registry.domain}=${mirror.url}/hub`)];
    const client = open({ mirrors });
    const credentials = { username: "ann", password: "secret" };
    expect(await fetchManifest(registry.domain, credentials, client)).toBe(MANIFEST);
    expect(registry.log).toEqual([]);
    expect(mirror.log).toEqual(["GET /hub/v2/", "GET /hub/v2/a/b/manifests/1"]);
    const repository = await client.repository(
      { domain: registry.domain, path: "a/b" },
      credentials,
      "pull",
    );
    await repository.fetchManifest("2", never);
    expect(registry.log.at(-1)).toStartWith("GET /v2/a/b/manifests/2 Basic");
  });
});

describe("TLS", () => {
  const pem = (name: string): string =>
    readFileSync(new URL(`../client/testdata/tls/${name}.pem`, import.meta.url), "utf8");
  let folder = "";
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "wharf-certs-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** A registry that wants a client's certificate; by a name that does not make it insecure. */
  function guarded(): string {
    const { domain } = serve(() => undefined, {
      key: pem("server-key"),
      cert: pem("server"),
      ca: pem("ca"),
    });
    return domain.replace("127.0.0.1", "localhost");
  }

  function writeCertificates(domain: string, files: Readonly<Record<string, string>>): void {
    mkdirSync(join(folder, domain), { recursive: true });
    for (const [name, text] of Object.entries(files))
      writeFileSync(join(folder, domain, name), text);
  }

  test("a registry's folder holds its authority and the client's certificate", async () => {
    const domain = guarded();
    const certificateFolders = [join(folder, "none"), folder];
    writeCertificates(domain, {
      "ca.crt": pem("ca"),
      "me.cert": pem("client"),
      "me.key": pem("client-key"),
    });
    expect(await fetchManifest(domain, {}, open({ certificateFolders }))).toBe(MANIFEST);
  });

  test("an unknown authority is named, with what to do", async () => {
    const domain = guarded();
    expect(await rejectionOf(fetchManifest(domain))).toContain(
      "failed to verify certificate: x509: certificate signed by unknown authority",
    );
  });

  test("a client's certificate without its key is named", async () => {
    const domain = guarded();
    writeCertificates(domain, { "me.cert": pem("client") });
    const client = open({ certificateFolders: [folder] });
    expect(await rejectionOf(fetchManifest(domain, {}, client))).toContain(
      "missing key me.key for client certificate me.cert",
    );
  });

  test("an insecure registry may have any certificate, or none", async () => {
    const { domain: withTls } = serve(() => undefined, {
      key: pem("stranger-key"),
      cert: pem("stranger"),
    });
    const { domain: plain } = serve(() => undefined);
    for (const domain of [withTls, plain].map((one) => one.replace("127.0.0.1", "localhost"))) {
      expect(await fetchManifest(domain, {}, open({ insecure: [domain] }))).toBe(MANIFEST);
      expect(await rejectionOf(fetchManifest(domain))).not.toBe("");
    }
  });

  test("a registry without TLS is told as Docker tells it", async () => {
    const { domain } = serve(() => undefined);
    expect(await rejectionOf(fetchManifest(domain.replace("127.0.0.1", "localhost")))).toContain(
      "http: server gave HTTP response to HTTPS client",
    );
  });
});

describe("a proxy", () => {
  const pem = (name: string): string =>
    readFileSync(new URL(`../client/testdata/tls/${name}.pem`, import.meta.url), "utf8");

  /** Passes requests on, and tunnels, to whoever shows the password. */
  async function openProxy(
    port: number,
  ): Promise<{ readonly url: string; readonly seen: string[] } & AsyncDisposable> {
    const seen: string[] = [];
    const server = createServer((request, response) => {
      seen.push(`${request.method} ${request.url}`);
      const isKnown = request.headers["proxy-authorization"] === `Basic ${btoa("ann:secret")}`;
      response.writeHead(isKnown ? 200 : 407, { "Content-Type": OCI_MANIFEST }).end(MANIFEST);
    });
    const tunnels = new Set<Duplex>();
    server.on("connect", (request, socket) => {
      tunnels.add(socket);
      seen.push(`CONNECT ${request.url} ${request.headers["proxy-authorization"] ?? ""}`);
      const onward = connect(port, "127.0.0.1", () => {
        socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
        onward.pipe(socket).pipe(onward);
      });
      onward.on("error", () => socket.destroy());
      socket.on("error", () => onward.destroy());
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return {
      url: `http://ann:secret@127.0.0.1:${(server.address() as AddressInfo).port}`,
      seen,
      [Symbol.asyncDispose]: async () => {
        for (const tunnel of tunnels) tunnel.destroy();
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      },
    };
  }

  test("is asked for the whole address of a registry without TLS", async () => {
    await using proxy = await openProxy(0);
    const proxies = { http: proxy.url, https: "", none: "" };
    // without a proxy for TLS the first try fails: there is no such host
    const client = open({ proxies, insecure: ["registry.invalid"] });
    expect(await fetchManifest("registry.invalid", {}, client)).toBe(MANIFEST);
    expect(proxy.seen).toContain("GET http://registry.invalid/v2/a/b/manifests/1");
  });

  test("tunnels to a registry with TLS, and sees nothing of what is asked there", async () => {
    const registry = serve(() => undefined, { key: pem("server-key"), cert: pem("server") });
    await using proxy = await openProxy(Number(registry.domain.split(":")[1]));
    const proxies = { http: "", https: proxy.url, none: "" };
    const client = open({ proxies, insecure: ["registry.invalid"] });
    expect(await fetchManifest("registry.invalid", {}, client)).toBe(MANIFEST);
    expect(proxy.seen).toEqual([`CONNECT registry.invalid:443 Basic ${btoa("ann:secret")}`]);
    expect(registry.log).toEqual(["GET /v2/", "GET /v2/a/b/manifests/1"]);
  });
});

test("an upload that breaks off goes on where the registry says", async () => {
  const bytes = randomBytes(3_000_000);
  const ranges: (string | undefined)[] = [];
  let received = Buffer.alloc(0);
  const server = createServer((request, response) => {
    const { method, url = "" } = request;
    if (method === "POST") {
      response.writeHead(202, { Location: "/v2/a/b/blobs/uploads/1?state=x" }).end();
    } else if (method === "GET" && url.includes("uploads")) {
      response.writeHead(204, { Range: `0-${received.length - 1}` }).end();
    } else if (method === "PATCH") {
      ranges.push(request.headers["content-range"]);
      const isFirst = ranges.length === 1;
      request.on("data", (chunk: Buffer) => {
        if (isFirst && received.length > 1_000_000) request.socket.destroy();
        else received = Buffer.concat([received, chunk]);
      });
      request.on("end", () => response.writeHead(202, { Location: url }).end());
    } else if (method === "PUT") {
      response
        .writeHead(
          digestOf(received) === new URL(url, "http://x").searchParams.get("digest") ? 201 : 400,
        )
        .end();
    } else response.end("{}");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    const { port } = server.address() as AddressInfo;
    const repository = await open().repository(
      { domain: `127.0.0.1:${port}`, path: "a/b" },
      {},
      "push",
    );
    const outcome = await repository.upload(
      {
        digest: digestOf(bytes),
        sizeBytes: bytes.length,
        read: async function* (offset, end) {
          yield bytes.subarray(offset, end);
        },
      },
      [],
      () => undefined,
      never,
    );
    expect(outcome).toEqual({ kind: "sent" });
    expect(ranges).toHaveLength(2);
    expect(ranges[0]).toBeUndefined();
    expect(ranges[1]).toMatch(/^[1-9]\d*-2999999$/);
    expect(received.equals(bytes)).toBe(true);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});
