// The ways to a registry that administrators set up: certificates, proxies, mirrors, helpers, tokens, other hosts for blobs.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { mustRun } from "../../harness/command.ts";
import { DockerRegistry } from "../../harness/registry/docker-registry.ts";
import { startEngine, type TestEngine } from "../../harness/engine.ts";
import { passOn } from "../../harness/pass-on.ts";

const folder = mkdtempSync("/var/tmp/wharf-ways-");
let open: DockerRegistry;
let engine: TestEngine;

beforeAll(async () => {
  [open, engine] = await Promise.all([DockerRegistry.start(), startEngine()]);
  await engine.mustWharf("tag", "busybox", `${open.address}/ways/app:1`);
  await engine.mustWharf("push", "-q", `${open.address}/ways/app:1`);
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  await open[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

/** An authority, and a certificate of it for a server or a client. */
async function makeCertificates(hostname: string): Promise<void> {
  const openssl = async (...args: readonly string[]): Promise<void> =>
    void (await mustRun(["openssl", ...args], { cwd: folder }));
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  const ca = ["-addext", "basicConstraints=critical,CA:TRUE"];
  await openssl(
    ...["req", "-x509", ...key, "-days", "2", "-subj", "/CN=authority", ...ca],
    ...["-keyout", "ca.key", "-out", "ca.pem"],
  );
  for (const name of ["server", "client"]) {
    await openssl(
      ...["req", ...key, "-subj", `/CN=${name}`, "-keyout", `${name}.key`, "-out", `${name}.csr`],
    );
    writeFileSync(join(folder, "names"), `subjectAltName=DNS:${hostname}\n`);
    await openssl(
      ...["x509", "-req", "-in", `${name}.csr`, "-CA", "ca.pem", "-CAkey", "ca.key", "-days", "2"],
      ...["-CAcreateserial", "-extfile", "names", "-out", `${name}.pem`],
    );
  }
}

/** A proxy that tunnels to one port, wherever it is asked for. */
async function openProxy(port: number): Promise<{ url: string; seen: string[] } & AsyncDisposable> {
  const seen: string[] = [];
  const tunnels = new Set<Duplex>();
  const server = createServer((_request, response) => response.writeHead(403).end());
  server.on("connect", (request, socket) => {
    seen.push(request.url ?? "");
    tunnels.add(socket);
    const onward = connect(port, "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      onward.pipe(socket).pipe(onward);
    });
    onward.on("error", () => socket.destroy());
    socket.on("error", () => onward.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    [Symbol.asyncDispose]: async () => {
      for (const tunnel of tunnels) tunnel.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

test("certs.d has the authority and the client's certificate; HTTPS_PROXY leads there", async () => {
  const hostname = "registry.wharf.test";
  await makeCertificates(hostname);
  const files = ["certificate: server.pem", "key: server.key"].map((line) =>
    line.replace(/: /, `: ${folder}/`),
  );
  await using registry = await DockerRegistry.start({
    scheme: "https",
    http: `  tls: {${files.join(", ")}, clientcas: [${folder}/ca.pem]}`,
  });
  await using proxy = await openProxy(registry.port);
  // /etc of the daemon alone: the host's with certificates of ours on top
  const top = join(folder, "etc");
  const certificates = join(top, "docker/certs.d", hostname);
  mkdirSync(certificates, { recursive: true });
  const script = 'mount -t overlay overlay -o "lowerdir=$0:/etc" /etc && exec "$@"';
  await using guarded = await startEngine({
    under: ["unshare", "-m", "--propagation", "private", "sh", "-c", script, top],
    env: { HTTPS_PROXY: proxy.url, NO_PROXY: "127.0.0.1" },
  });
  const name = `${hostname}/app:1`;
  await guarded.mustWharf("tag", "busybox", name);
  const stranger = await guarded.wharf(["push", name]);
  expect(stranger.stderr).toContain("certificate signed by unknown authority");
  await mustRun(["cp", join(folder, "ca.pem"), join(certificates, "ca.crt")]);
  const nameless = await guarded.wharf(["push", name]);
  expect(nameless.exitCode).toBe(1);
  for (const kind of ["pem", "key"]) {
    const target = `client.${kind === "pem" ? "cert" : "key"}`;
    await mustRun(["cp", join(folder, `client.${kind}`), join(certificates, target)]);
  }
  await guarded.mustWharf("push", "-q", name);
  await guarded.mustWharf("rmi", name);
  await guarded.mustWharf("pull", "-q", name);
  expect(new Set(proxy.seen)).toEqual(new Set([`${hostname}:443`]));
  // what NO_PROXY names is reached itself
  await guarded.mustWharf("pull", "-q", `${open.address}/ways/app:1`);
  expect(new Set(proxy.seen)).toEqual(new Set([`${hostname}:443`]));
}, 120_000);

test("each registry has its own mirrors, which are asked first and pushed to never", async () => {
  const asked: string[] = [];
  using mirror = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request) => {
      asked.push(`${request.method} ${new URL(request.url).pathname}`);
      return passOn(request, `http://${open.address}`);
    },
  });
  const table = `mirrored.wharf.test=http://127.0.0.1:${mirror.port}`;
  await using mirrored = await startEngine({ flags: ["--registry-mirror", table] });
  await mirrored.mustWharf("pull", "-q", "mirrored.wharf.test/ways/app:1");
  expect(asked).toContain("GET /v2/ways/app/manifests/1");
  const before = asked.length;
  await mirrored.mustWharf("pull", "-q", `${open.address}/ways/app:1`);
  await mirrored.mustWharf("tag", "busybox", "mirrored.wharf.test/ways/own:1");
  const pushed = await mirrored.wharf(["push", "mirrored.wharf.test/ways/own:1"]);
  expect(pushed.exitCode).toBe(1);
  expect(asked).toHaveLength(before);
}, 60_000);

test("a login keeps an identity token, in a helper of its own; blobs come from elsewhere without it", async () => {
  const elsewhere: (string | null)[] = [];
  using blobs = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request) => {
      elsewhere.push(request.headers.get("authorization"));
      return passOn(request, `http://${open.address}`);
    },
  });
  const grants: string[] = [];
  using registry = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: async (request) => {
      const url = new URL(request.url);
      const authorization = request.headers.get("authorization");
      if (url.pathname === "/token") {
        const form = new URLSearchParams(request.method === "POST" ? await request.text() : "");
        const isKnown =
          authorization === `Basic ${btoa("ann:secret")}` ||
          form.get("refresh_token") === "long-lived";
        grants.push(form.get("grant_type") ?? "password");
        if (!isKnown) return Response.json({ details: "who are you?" }, { status: 401 });
        const isOffline = url.searchParams.get("offline_token") === "true";
        return Response.json({
          token: "short-lived",
          ...(isOffline ? { refresh_token: "long-lived" } : {}),
        });
      }
      if (authorization !== "Bearer short-lived") {
        const challenge = `Bearer realm="${url.origin}/token",service="ways"`;
        return new Response(null, { status: 401, headers: { "WWW-Authenticate": challenge } });
      }
      if (request.method === "GET" && url.pathname.includes("/blobs/sha256:")) {
        const place = `http://127.0.0.1:${blobs.port}${url.pathname}`;
        return new Response(null, { status: 307, headers: { Location: place } });
      }
      return await passOn(request, `http://${open.address}`);
    },
  });
  const address = `127.0.0.1:${registry.port}`;
  const kept = join(folder, "kept.json");
  const path = join(folder, "bin");
  mkdirSync(path);
  writeFileSync(
    join(path, "docker-credential-ways"),
    `#!/bin/sh\ncase $1 in\nstore) cat > ${kept};;\nget) cat ${kept} 2> /dev/null || { echo "credentials not found in native keychain"; exit 1; };;\nerase) rm -f ${kept};;\nesac\n`,
    { mode: 0o755 },
  );
  mkdirSync(join(engine.root, "client"), { recursive: true });
  const config = join(engine.root, "client/config.json");
  writeFileSync(config, JSON.stringify({ credHelpers: { [address]: "ways" } }));
  const env = { PATH: `${path}:${process.env["PATH"]}` };
  const login = ["login", "-u", "ann", "--password-stdin", address];
  expect(await engine.wharf(login, { env, input: "secret" })).toMatchObject({
    exitCode: 0,
    stdout: "Login Succeeded\n",
  });
  expect(JSON.parse(readFileSync(kept, "utf8"))).toEqual({
    ServerURL: address,
    Username: "<token>",
    Secret: "long-lived",
  });
  expect(readFileSync(config, "utf8")).not.toContain("long-lived");
  await engine.mustWharf("rmi", "-f", `${open.address}/ways/app:1`, "busybox");
  const pulled = await engine.wharf(["pull", `${address}/ways/app:1`], { env });
  expect(pulled).toMatchObject({ exitCode: 0 });
  expect(grants.at(-1)).toBe("refresh_token");
  expect(elsewhere.length).toBeGreaterThan(0);
  expect(new Set(elsewhere)).toEqual(new Set([null]));
}, 60_000);
