import { expect, test } from "bun:test";
import { createServer, type Server } from "node:http";
import { TestRegistry } from "#registry-server/testing/test-registry.ts";
import { waitUntil } from "#registry-server/testing/wait-until.ts";
import { digestOf } from "#spec/digest.ts";

/** A registry of one blob, which it sends in two halves: the second when the test says so. */
class SlowOrigin implements AsyncDisposable {
  readonly #server: Server;
  readonly #rest = Promise.withResolvers<void>();
  requests = 0;

  private constructor(content: Uint8Array) {
    this.#server = createServer((request, response) => {
      if (!request.url?.includes("/blobs/")) return void response.end("{}");
      this.requests++;
      const half = content.byteLength / 2;
      response.writeHead(200, { "Content-Length": content.byteLength });
      response.write(content.subarray(0, half));
      void this.#rest.promise.then(() => response.end(content.subarray(half)));
    });
  }

  static async open(content: Uint8Array): Promise<SlowOrigin> {
    const origin = new SlowOrigin(content);
    await new Promise<void>((resolve) => origin.#server.listen(0, "127.0.0.1", resolve));
    return origin;
  }

  get domain(): string {
    const address = this.#server.address();
    return `127.0.0.1:${typeof address === "object" && address ? address.port : 0}`;
  }

  sendRest(): void {
    this.#rest.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.sendRest();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

interface Setup extends AsyncDisposable {
  readonly origin: SlowOrigin;
  readonly cache: TestRegistry;
  /** `GET` of the blob. */
  pull(): Promise<Response>;
}

/** @param digest What is asked for; by default what the content has. */
async function openSetup(content: Uint8Array, digest: string = digestOf(content)): Promise<Setup> {
  await using stack = new AsyncDisposableStack();
  const origin = stack.use(await SlowOrigin.open(content));
  const proxies = [{ prefix: "hub/", domain: origin.domain }];
  const cache = stack.use(await TestRegistry.open({ proxies }));
  const open = stack.move();
  return {
    origin,
    cache,
    pull: () => cache.fetch("GET", `/v2/hub/a/b/blobs/${digest}`),
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}

function someBytes(count: number): Uint8Array {
  return Uint8Array.from({ length: count }, (_, at) => at % 251);
}

test("a client reads what the other registry has sent before all of it is here", async () => {
  const content = someBytes(200_000);
  await using setup = await openSetup(content);
  const answer = await setup.pull();
  const reader = answer.body?.getReader();
  const pieces: Uint8Array[] = [];
  const receive = async (): Promise<number> => {
    const { value } = (await reader?.read()) ?? {};
    if (value) pieces.push(value);
    return value?.byteLength ?? 0;
  };
  for (let bytes = 0; bytes < content.byteLength / 2; ) bytes += await receive();
  const late = setup.pull(); // comes in the middle, and gets all of it
  setup.origin.sendRest();
  while ((await receive()) > 0);
  expect(Buffer.compare(Buffer.concat(pieces), content)).toBe(0);
  expect(Buffer.compare(await (await late).bytes(), content)).toBe(0);
  expect(Buffer.compare(await (await setup.pull()).bytes(), content)).toBe(0);
  expect(setup.origin.requests).toBe(1);
});

test("a client that lags does not hold up the transfer, and gets all of it", async () => {
  const content = someBytes(16_000_000);
  await using setup = await openSetup(content);
  setup.origin.sendRest();
  const answer = await setup.pull(); // not read yet
  await waitUntil("it is here", async () => {
    const head = await setup.cache.fetch("GET", "/api/v1/statistics");
    return ((await head.json()) as { readonly blobs?: number }).blobs === 1;
  });
  expect(Buffer.compare(await answer.bytes(), content)).toBe(0);
  expect(setup.origin.requests).toBe(1);
}, 60_000);

test("the transfer goes on when its client has gone", async () => {
  const content = someBytes(100_000);
  await using setup = await openSetup(content);
  const answer = await setup.pull();
  await answer.body?.cancel();
  setup.origin.sendRest();
  await waitUntil("it is here", async () => (await setup.pull()).status === 200);
  expect(Buffer.compare(await (await setup.pull()).bytes(), content)).toBe(0);
  expect(setup.origin.requests).toBe(1);
});

test("content that is another's never looks whole, and is not kept", async () => {
  const content = someBytes(100_000);
  await using setup = await openSetup(content, digestOf("something else"));
  setup.origin.sendRest();
  const answer = await setup.pull();
  const received = await answer.bytes().catch(() => undefined);
  expect(received).toBeUndefined();
  const digest = digestOf("something else");
  const again = await setup.cache.fetch("HEAD", `/v2/hub/a/b/blobs/${digest}`);
  expect(again.status).toBeGreaterThanOrEqual(400);
});
