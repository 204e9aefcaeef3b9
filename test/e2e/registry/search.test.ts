// A user looks for an image: in a registry of one's own, and as Docker Hub answers.
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import { mustRun, runCommand } from "../../harness/command.ts";
import { DOCKER, startEngine, type TestEngine, WHARF } from "../../harness/engine.ts";
import { RegistryServer } from "../../harness/registry/registry-server.ts";

const RESULTS = [
  { name: "a/x", description: "short", star_count: 1, is_official: false, is_automated: true },
  {
    name: "x",
    description: "A rather long description that goes\nover two lines and more than 45 columns",
    star_count: 7,
    is_official: true,
  },
  { name: "b/x", star_count: 3 },
];

/** A registry that knows of nothing but the search, as Docker Hub's does. */
class SearchServer implements AsyncDisposable {
  readonly requests: string[] = [];
  readonly #server = createServer((request, response) => {
    this.requests.push(`${request.url ?? ""} ${request.headers.authorization ?? ""}`.trim());
    const [status, body] = answerTo(request);
    response.writeHead(status, { "Content-Length": Buffer.byteLength(body) }).end(body);
  });

  static async open(): Promise<SearchServer> {
    const server = new SearchServer();
    const { promise, resolve } = Promise.withResolvers<void>();
    server.#server.listen(0, "127.0.0.1", () => resolve());
    await promise;
    return server;
  }

  get host(): string {
    const address = this.#server.address();
    return `127.0.0.1:${typeof address === "object" && address ? address.port : 0}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

function answerTo({ url = "" }: IncomingMessage): readonly [status: number, body: string] {
  if (url.startsWith("/v1/_ping")) return [200, '{"standalone":true}'];
  if (!url.startsWith("/v1/search")) return [404, ""];
  if (url.includes("q=denied")) return [403, "no"];
  if (url.includes("q=broken")) return [200, "nope"];
  return [200, JSON.stringify({ query: "x", num_results: RESULTS.length, results: RESULTS })];
}

async function bothClients(engine: TestEngine, words: readonly string[]): Promise<string> {
  const clients = [[DOCKER, "-H", engine.host], [WHARF]];
  const [docker, wharf] = await Promise.all(
    clients.map(async (client) => {
      const env = { ...engine.environment() };
      const { exitCode, stdout, stderr } = await runCommand([...client, "search", ...words], {
        env,
      });
      return `${exitCode}\n${stdout}${stderr}`;
    }),
  );
  expect([words, wharf]).toEqual([words, docker]);
  return wharf ?? "";
}

test("search: docker's client and ours print the same, whatever the flags", async () => {
  await using server = await SearchServer.open();
  await using engine = await startEngine();
  const term = `${server.host}/x`;
  const all = await bothClients(engine, [term]);
  expect(all).toContain("x         A rather long description that goes over two…   7         [OK]");
  await bothClients(engine, ["--no-trunc", term]);
  await bothClients(engine, ["--limit", "2", term]);
  await bothClients(engine, ["--limit", "101", term]);
  await bothClients(engine, ["-f", "stars=3", "--format", "{{.Name}} {{.IsOfficial}}", term]);
  await bothClients(engine, ["--filter", "is-official=true", term]);
  await bothClients(engine, ["--filter", "is-automated=true", term]);
  await bothClients(engine, ["--filter", "stars=many", term]);
  await bothClients(engine, ["--filter", "is-official=perhaps", term]);
  await bothClients(engine, ["--filter", "colour=red", term]);
  await bothClients(engine, ["--format", "{{json .}}", term]);
  await bothClients(engine, ["--format", "table {{.Name}}\t{{.StarCount}}", term]);
  expect(await bothClients(engine, [`http://${term}`])).toContain("should not have a scheme");
  expect(await bothClients(engine, [`${server.host}/denied`])).toContain(
    "Unexpected status code 403",
  );
  expect(await bothClients(engine, [`${server.host}/broken`])).toContain("error decoding registry");
  expect(await bothClients(engine, ["127.0.0.1:1/x"])).toMatch(
    /HTTPS attempt: .*connection refused. HTTP attempt: .*connection refused/,
  );
  expect(server.requests).toContain("/v1/search?q=x&n=2");
  const auth = Buffer.from(JSON.stringify({ username: "ann", password: "secret" }));
  const asked = await fetch(`http://wharf/v1.50/images/search?term=${term}&limit=3`, {
    unix: engine.socket,
    headers: { "X-Registry-Auth": auth.toString("base64url") },
  });
  expect((await asked.json()) as unknown).toHaveLength(RESULTS.length);
  const basic = Buffer.from("ann:secret").toString("base64");
  expect(server.requests.at(-1)).toBe(`/v1/search?q=x&n=3 Basic ${basic}`);
}, 60_000);

test("search in a registry of one's own shows what the user may pull, and no more", async () => {
  await using server = await RegistryServer.open();
  await using engine = await startEngine({ images: ["busybox"] });
  const home = mkdtempSync("/var/tmp/wharf-e2e-home-");
  try {
    const env = { ...engine.environment(), DOCKER_CONFIG: home, WHARF_REGISTRY: server.host };
    const wharf = async (...words: readonly string[]): Promise<string> =>
      (await mustRun([WHARF, ...words], { env })).stdout;
    const names = async (...client: readonly string[]): Promise<readonly string[]> => {
      const words = ["search", "--format", "{{.Name}}", `${server.host}/app`];
      const { stdout } = await mustRun([...client, ...words], { env });
      return stdout.split("\n").filter(Boolean).toSorted();
    };
    await mustRun([WHARF, "login", "-u", "admin", "--password-stdin", server.host], {
      env,
      input: server.adminPassword,
    });
    for (const name of ["acme/app", "acme/app-secret"]) {
      await wharf("tag", "busybox", `${server.host}/${name}:v1`);
      await wharf("push", "-q", `${server.host}/${name}:v1`);
    }
    await wharf("registry", "repo", "update", "--public", "--description", "An app", "acme/app");
    expect(await names(WHARF)).toEqual(["acme/app", "acme/app-secret"]);
    expect(await names(DOCKER, "-H", engine.host)).toEqual(["acme/app", "acme/app-secret"]);
    await wharf("logout", server.host);
    expect(await names(WHARF)).toEqual(["acme/app"]);
    expect(await names(DOCKER, "-H", engine.host)).toEqual(["acme/app"]);
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}, 60_000);
