import { expect, test } from "bun:test";
import { createHmac } from "node:crypto";
import { pushImage, TestRegistry } from "#registry-server/testing/test-registry.ts";
import { waitUntil } from "#registry-server/testing/wait-until.ts";

interface Received {
  readonly body: string;
  readonly signature: string | null;
}

/** Takes events; refuses the first `refusals`. */
function openReceiver(
  refusals = 0,
): AsyncDisposable & { readonly url: string; readonly got: Received[] } {
  const got: Received[] = [];
  let left = refusals;
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: async (request) => {
      if (left-- > 0) return new Response("not now", { status: 503 });
      got.push({ body: await request.text(), signature: request.headers.get("x-wharf-signature") });
      return new Response("taken");
    },
  });
  return {
    url: `http://127.0.0.1:${server.port}/hook`,
    got,
    [Symbol.asyncDispose]: async () => await server.stop(true),
  };
}

async function createWebhook(registry: TestRegistry, body: object): Promise<string> {
  const answer = await registry.fetch("POST", "/api/v1/webhooks", { body: JSON.stringify(body) });
  expect(answer.status).toBe(201);
  return ((await answer.json()) as { id: string }).id;
}

test("a webhook gets its repositories' events in its format, signed", async () => {
  await using receiver = openReceiver();
  await using registry = await TestRegistry.open();
  const url = receiver.url;
  await createWebhook(registry, { url, secret: "key", repositories: "acme/*" });
  const { digest } = await pushImage(registry, "acme/app", "v1");
  await pushImage(registry, "other/app", "v1");
  await waitUntil("the event is there", async () => receiver.got.length > 0);
  const [first] = receiver.got;
  const { events } = JSON.parse(first?.body ?? "") as { events: unknown[] };
  expect(events).toMatchObject([
    { action: "push", target: { repository: "acme/app", tag: "v1", digest } },
  ]);
  const wanted = createHmac("sha256", "key")
    .update(first?.body ?? "")
    .digest("hex");
  expect(first?.signature).toBe(`sha256=${wanted}`);
  expect(receiver.got).toHaveLength(1);
});

test("Docker Hub's and Harbor's formats", async () => {
  await using receiver = openReceiver();
  await using registry = await TestRegistry.open();
  for (const format of ["dockerhub", "harbor"]) {
    await createWebhook(registry, { url: receiver.url, format, actions: ["push"] });
  }
  const { digest } = await pushImage(registry, "acme/app", "v1");
  await waitUntil("both are there", async () => receiver.got.length === 2);
  const bodies = receiver.got.map(({ body }) => JSON.parse(body) as Record<string, unknown>);
  expect(bodies.find((body) => "push_data" in body)).toMatchObject({
    push_data: { tag: "v1", pusher: "anonymous" },
    repository: { name: "app", namespace: "acme", repo_name: "acme/app" },
  });
  expect(bodies.find((body) => "event_data" in body)).toMatchObject({
    type: "PUSH_ARTIFACT",
    event_data: { resources: [{ digest, tag: "v1" }], repository: { repo_full_name: "acme/app" } },
  });
});

test("what is refused is tried again, and stands in the history; it can be sent once more", async () => {
  await using receiver = openReceiver(1);
  await using registry = await TestRegistry.open();
  const id = await createWebhook(registry, { url: receiver.url });
  const deliveries = async (): Promise<readonly Record<string, unknown>[]> => {
    const answer = await registry.fetch("GET", `/api/v1/webhooks/${id}/deliveries`);
    return ((await answer.json()) as { deliveries: Record<string, unknown>[] }).deliveries;
  };
  await pushImage(registry, "acme/app", "v1");
  const isRefused = async (): Promise<boolean> =>
    (await deliveries())[0]?.["answer"] === "503 Service Unavailable";
  await waitUntil("the refusal is noted", isRefused);
  expect((await deliveries())[0]).toMatchObject({ status: "pending", attempts: 1 });
  await registry.stop();
  registry.nowMs += 6000;
  await registry.start();
  await registry.registry.deliverDue();
  expect((await deliveries())[0]).toMatchObject({ status: "delivered", attempts: 2 });
  const path = `/api/v1/webhooks/${id}/deliveries/${String((await deliveries())[0]?.["id"])}/redelivery`;
  expect((await registry.fetch("POST", path)).status).toBe(201);
  await waitUntil("it came again", async () => receiver.got.length === 2);
});
