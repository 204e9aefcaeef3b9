import { InvalidArgumentError, NotFoundError } from "#base/errors.ts";
import type { RegistryEvent } from "#registry-server/events/events.ts";
import {
  findWebhook,
  insertDelivery,
  insertWebhook,
  listDeliveries,
  listWebhooks,
  removeWebhook,
  type Webhook,
  WEBHOOK_FORMATS,
} from "#registry-server/metadata/webhooks.ts";
import {
  audit,
  listCount,
  param,
  readJson,
  requiredText,
  type RestCall,
  type RestRoute,
  timeText,
} from "./route.ts";

const ACTIONS: readonly RegistryEvent["action"][] = ["push", "pull", "delete"];
const DELIVERIES_MAX = 1000;

const CREATE = {
  url: { type: "string", description: "http or https", isRequired: true },
  repositories: { type: "string", description: "A name, or a prefix as acme/*; all when absent" },
  format: { type: "string", description: "dockerhub, harbor or distribution (the default)" },
  actions: { type: "array", description: "push, pull, delete; push and delete when absent" },
  secret: {
    type: "string",
    description: "Key of the HMAC in X-Wharf-Signature and X-Hub-Signature-256",
  },
} as const;

function toWire({ secret, createdMs, ...webhook }: Webhook): object {
  return { ...webhook, signed: secret !== "", created: timeText(createdMs) };
}

async function requireWebhook(call: RestCall): Promise<Webhook> {
  const id = param(call, "id");
  const webhook = await findWebhook(call.parts.database, id);
  if (!webhook) throw new NotFoundError(`No such webhook: ${id}`);
  return webhook;
}

async function readWebhook(call: RestCall): Promise<Webhook> {
  const body = await readJson(call, CREATE);
  const url = requiredText(body, "url");
  const protocol = URL.parse(url)?.protocol;
  if (protocol !== "http:" && protocol !== "https:") {
    throw new InvalidArgumentError(`Cannot create the webhook: ${JSON.stringify(url)} is no URL`);
  }
  const formatText = body.string("format") ?? "distribution";
  const format = WEBHOOK_FORMATS.find((one) => one === formatText);
  if (!format) {
    throw new InvalidArgumentError(
      `Cannot create the webhook: format is none of ${WEBHOOK_FORMATS.join(", ")}`,
    );
  }
  const asked = body.strings("actions") ?? ["push", "delete"];
  const actions = ACTIONS.filter((action) => asked.includes(action));
  if (actions.length !== asked.length || actions.length === 0) {
    throw new InvalidArgumentError(
      `Cannot create the webhook: want actions of ${ACTIONS.join(", ")}`,
    );
  }
  return {
    id: crypto.randomUUID(),
    url,
    format,
    actions,
    repositories: body.string("repositories") || "*",
    secret: body.string("secret") ?? "",
    createdMs: call.parts.nowMs(),
  };
}

export const webhookRoutes: readonly RestRoute[] = [
  {
    method: "GET",
    path: "/webhooks",
    summary: "List webhooks",
    requires: "admin",
    handle: async (call) => ({ webhooks: (await listWebhooks(call.parts.database)).map(toWire) }),
  },
  {
    method: "POST",
    path: "/webhooks",
    summary: "Create a webhook",
    requires: "admin",
    body: CREATE,
    handle: async (call) => {
      const webhook = await readWebhook(call);
      await insertWebhook(call.parts.database, webhook);
      call.parts.deliverer.forget();
      await audit(call, "webhook.create", webhook.id, { url: webhook.url });
      return toWire(webhook);
    },
  },
  {
    method: "DELETE",
    path: "/webhooks/{id}",
    summary: "Remove a webhook and its history",
    requires: "admin",
    handle: async (call) => {
      const { id } = await requireWebhook(call);
      await call.parts.database.transaction((session) => removeWebhook(session, id));
      call.parts.deliverer.forget();
      await audit(call, "webhook.remove", id);
    },
  },
  {
    method: "GET",
    path: "/webhooks/{id}/deliveries",
    summary: "List deliveries, newest first",
    requires: "admin",
    query: { n: "At most so many" },
    handle: async (call) => {
      const { id } = await requireWebhook(call);
      const found = await listDeliveries(call.parts.database, id, listCount(call, DELIVERIES_MAX));
      return {
        deliveries: found.map(({ nextMs, createdMs, ...delivery }) => ({
          ...delivery,
          next: delivery.status === "pending" ? timeText(nextMs) : undefined,
          created: timeText(createdMs),
        })),
      };
    },
  },
  {
    method: "POST",
    path: "/webhooks/{id}/deliveries/{delivery}/redelivery",
    summary: "Send an event again",
    requires: "admin",
    handle: async (call) => {
      const { id } = await requireWebhook(call);
      const wanted = param(call, "delivery");
      const found = await listDeliveries(call.parts.database, id, DELIVERIES_MAX);
      const before = found.find((delivery) => delivery.id === wanted);
      if (!before) throw new NotFoundError(`No such delivery: ${wanted}`);
      const nowMs = call.parts.nowMs();
      const again = {
        ...before,
        id: Bun.randomUUIDv7("hex", nowMs),
        status: "pending",
        attempts: 0,
        nextMs: nowMs,
        answer: "",
        createdMs: nowMs,
      } as const;
      await insertDelivery(call.parts.database, again);
      call.parts.onDeliveryDue();
      return { id: again.id };
    },
  },
];
