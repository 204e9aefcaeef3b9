import { messageOf } from "#base/errors.ts";
import type { RegistryEvent } from "#registry-server/events/events.ts";
import type { RegistryLog } from "#registry-server/log.ts";
import {
  type Delivery,
  findWebhook,
  insertDelivery,
  listDueDeliveries,
  listWebhooks,
  removeDeliveriesBefore,
  updateDelivery,
  type Webhook,
} from "#registry-server/metadata/webhooks.ts";
import type { SqlDatabase } from "#store/sql/database.ts";
import { matchesRepository, payloadOf } from "./payload.ts";

/** After each failed try; behind the last one the delivery has failed. */
const RETRY_DELAYS_MS: readonly number[] = [5, 30, 120, 600, 3600, 6 * 3600].map((s) => s * 1000);
const TRY_TIMEOUT_MS = 10_000;
/** How long a try belongs to the server that has begun it. */
const LEASE_MS = 60_000;
const HISTORY_MS = 30 * 24 * 3_600_000;
/** Of an answer that is kept. */
const ANSWER_MAX_LENGTH = 500;
/** How old the list of webhooks may be that events are held against. */
const WEBHOOKS_MAX_AGE_MS = 1000;

/** Brings events to webhooks: written down first, tried until answered, across restarts. */
export class WebhookDeliverer {
  readonly #database: SqlDatabase;
  readonly #log: RegistryLog;
  readonly #nowMs: () => number;
  #known: { readonly webhooks: readonly Webhook[]; readonly atMs: number } | undefined;
  #noting: Promise<void> = Promise.resolve();

  constructor(parts: {
    readonly database: SqlDatabase;
    readonly log: RegistryLog;
    readonly nowMs: () => number;
  }) {
    this.#database = parts.database;
    this.#log = parts.log;
    this.#nowMs = parts.nowMs;
  }

  /** Writes down what is to be delivered. @param onNoted Called when something is. */
  note(event: RegistryEvent, onNoted: () => void): void {
    this.#noting = this.#noting
      .then(() => this.#note(event, onNoted))
      .catch((error: unknown) => {
        this.#log.error("Cannot note an event for webhooks", { error: messageOf(error) });
      });
  }

  /** A webhook was made or removed. */
  forget(): void {
    this.#known = undefined;
  }

  /** Tries everything that is due. */
  async deliverDue(): Promise<void> {
    await this.#noting;
    const due = await listDueDeliveries(this.#database, this.#nowMs());
    await Promise.all(due.map((delivery) => this.#deliver(delivery)));
    await removeDeliveriesBefore(this.#database, this.#nowMs() - HISTORY_MS);
  }

  async #note(event: RegistryEvent, onNoted: () => void): Promise<void> {
    const nowMs = this.#nowMs();
    if (!this.#known || this.#known.atMs < nowMs - WEBHOOKS_MAX_AGE_MS) {
      this.#known = { webhooks: await listWebhooks(this.#database), atMs: nowMs };
    }
    for (const webhook of this.#known.webhooks) {
      const isMeant =
        webhook.actions.includes(event.action) &&
        matchesRepository(webhook.repositories, event.repository);
      if (!isMeant) continue;
      await insertDelivery(this.#database, {
        id: Bun.randomUUIDv7("hex", nowMs),
        webhook: webhook.id,
        event,
        status: "pending",
        attempts: 0,
        nextMs: nowMs,
        answer: "",
        createdMs: nowMs,
      });
      onNoted();
    }
  }

  async #deliver(delivery: Delivery): Promise<void> {
    const { id, status, attempts, answer } = delivery;
    const leased = { ...delivery, nextMs: this.#nowMs() + LEASE_MS };
    if (!(await updateDelivery(this.#database, delivery, { ...leased, status, answer }))) return;
    const webhook = await findWebhook(this.#database, delivery.webhook);
    if (!webhook) return; // removed with its deliveries in the meantime
    const outcome = await this.#send(webhook, delivery);
    const delayMs = RETRY_DELAYS_MS[attempts];
    const after = {
      attempts: attempts + 1,
      answer: outcome.answer,
      status: outcome.ok ? "delivered" : delayMs === undefined ? "failed" : "pending",
      nextMs: this.#nowMs() + (delayMs ?? 0),
    } as const;
    await updateDelivery(this.#database, leased, after);
    if (!outcome.ok) {
      this.#log.warn("Webhook did not take an event", {
        id,
        url: webhook.url,
        answer: after.answer,
      });
    }
  }

  async #send(
    webhook: Webhook,
    delivery: Delivery,
  ): Promise<{ readonly ok: boolean; readonly answer: string }> {
    const { contentType, body } = payloadOf(webhook.format, delivery.event);
    const signature = `sha256=${new Bun.CryptoHasher("sha256", webhook.secret || " ").update(body).digest("hex")}`;
    try {
      const answer = await fetch(webhook.url, {
        method: "POST",
        body,
        headers: {
          "Content-Type": contentType,
          "User-Agent": "wharf-registry",
          "X-Wharf-Delivery": delivery.id,
          "X-Wharf-Event": delivery.event.action,
          ...(webhook.secret === ""
            ? {}
            : { "X-Wharf-Signature": signature, "X-Hub-Signature-256": signature }),
        },
        redirect: "manual", // the event is for that address and no other
        signal: AbortSignal.timeout(TRY_TIMEOUT_MS),
      });
      await answer.body?.cancel();
      return { ok: answer.ok, answer: `${answer.status} ${answer.statusText}`.trim() };
    } catch (error) {
      return { ok: false, answer: messageOf(error).slice(0, ANSWER_MAX_LENGTH) };
    }
  }
}
