import type { RegistryEvent } from "#registry-server/events/events.ts";
import type { SqlRow, SqlSession } from "#store/sql/database.ts";
import { numberOf, textOf } from "./columns.ts";

export type WebhookFormat = "dockerhub" | "harbor" | "distribution";

export const WEBHOOK_FORMATS: readonly WebhookFormat[] = ["dockerhub", "harbor", "distribution"];

export interface Webhook {
  readonly id: string;
  /** A repository's name, or a prefix that ends in `*`. */
  readonly repositories: string;
  readonly url: string;
  readonly format: WebhookFormat;
  readonly actions: readonly RegistryEvent["action"][];
  /** Key of the signature; empty for none. */
  readonly secret: string;
  readonly createdMs: number;
}

/** One event on its way to one webhook. */
export interface Delivery {
  readonly id: string;
  readonly webhook: string;
  readonly event: RegistryEvent;
  readonly status: "pending" | "delivered" | "failed";
  readonly attempts: number;
  /** When the next try is due; a server that tries moves it first, so that no other does too. */
  readonly nextMs: number;
  /** What came of the last try. */
  readonly answer: string;
  readonly createdMs: number;
}

function readWebhook(row: SqlRow): Webhook {
  return {
    id: textOf(row, "id"),
    repositories: textOf(row, "repositories"),
    url: textOf(row, "url"),
    format: textOf(row, "format") as WebhookFormat, // these two were written from these very types
    actions: textOf(row, "actions").split(",") as RegistryEvent["action"][],
    secret: textOf(row, "secret"),
    createdMs: numberOf(row, "created_ms"),
  };
}

function readDelivery(row: SqlRow): Delivery {
  return {
    id: textOf(row, "id"),
    webhook: textOf(row, "webhook"),
    event: JSON.parse(textOf(row, "event")) as RegistryEvent, // ours
    status: textOf(row, "status") as Delivery["status"],
    attempts: numberOf(row, "attempts"),
    nextMs: numberOf(row, "next_ms"),
    answer: textOf(row, "answer"),
    createdMs: numberOf(row, "created_ms"),
  };
}

export async function insertWebhook(session: SqlSession, webhook: Webhook): Promise<void> {
  await session.run(
    `INSERT INTO webhooks (id, repositories, url, format, actions, secret, created_ms)
     VALUES ($1, $2, $3, $4, $5, $6, $7)`,
    webhook.id,
    webhook.repositories,
    webhook.url,
    webhook.format,
    webhook.actions.join(","),
    webhook.secret,
    webhook.createdMs,
  );
}

export async function listWebhooks(session: SqlSession): Promise<readonly Webhook[]> {
  return (await session.all("SELECT * FROM webhooks ORDER BY created_ms, id")).map(readWebhook);
}

export async function findWebhook(session: SqlSession, id: string): Promise<Webhook | undefined> {
  const [row] = await session.all("SELECT * FROM webhooks WHERE id = $1", id);
  return row && readWebhook(row);
}

/** Removes it with its deliveries. @returns Whether it was there. */
export async function removeWebhook(session: SqlSession, id: string): Promise<boolean> {
  await session.run("DELETE FROM deliveries WHERE webhook = $1", id);
  return (await session.run("DELETE FROM webhooks WHERE id = $1", id)) > 0;
}

export async function insertDelivery(session: SqlSession, delivery: Delivery): Promise<void> {
  await session.run(
    `INSERT INTO deliveries (id, webhook, event, status, attempts, next_ms, answer, created_ms)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
    delivery.id,
    delivery.webhook,
    JSON.stringify(delivery.event),
    delivery.status,
    delivery.attempts,
    delivery.nextMs,
    delivery.answer,
    delivery.createdMs,
  );
}

export async function listDueDeliveries(
  session: SqlSession,
  nowMs: number,
): Promise<readonly Delivery[]> {
  const rows = await session.all(
    "SELECT * FROM deliveries WHERE status = 'pending' AND next_ms <= $1 ORDER BY next_ms, id LIMIT 100",
    nowMs,
  );
  return rows.map(readDelivery);
}

/** Newest first. */
export async function listDeliveries(
  session: SqlSession,
  webhook: string,
  count: number,
): Promise<readonly Delivery[]> {
  const rows = await session.all(
    "SELECT * FROM deliveries WHERE webhook = $1 ORDER BY id DESC LIMIT $2",
    webhook,
    count,
  );
  return rows.map(readDelivery);
}

/** @returns False when another server changed it since it was read. */
export async function updateDelivery(
  session: SqlSession,
  before: Delivery,
  after: Pick<Delivery, "status" | "attempts" | "nextMs" | "answer">,
): Promise<boolean> {
  const changed = await session.run(
    `UPDATE deliveries SET status = $1, attempts = $2, next_ms = $3, answer = $4
     WHERE id = $5 AND next_ms = $6 AND status = $7`,
    after.status,
    after.attempts,
    after.nextMs,
    after.answer,
    before.id,
    before.nextMs,
    before.status,
  );
  return changed > 0;
}

export async function removeDeliveriesBefore(session: SqlSession, beforeMs: number): Promise<void> {
  await session.run(
    "DELETE FROM deliveries WHERE created_ms < $1 AND status <> 'pending'",
    beforeMs,
  );
}
