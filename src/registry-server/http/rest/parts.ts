import type { AuditLog } from "#registry-server/access/audit-log.ts";
import type { Access } from "#registry-server/access/access.ts";
import type { Passwords } from "#registry-server/access/passwords.ts";
import type { Manifests } from "#registry-server/content/manifests.ts";
import type { Repositories } from "#registry-server/content/repositories.ts";
import type { Bodies } from "#registry-server/http/body/bodies.ts";
import type { Collector } from "#registry-server/upkeep/collector.ts";
import type { Verifier } from "#registry-server/upkeep/verifier.ts";
import type { Replicator } from "#registry-server/remotes/replicator.ts";
import type { WebhookDeliverer } from "#registry-server/webhooks/deliverer.ts";
import type { SqlDatabase } from "#store/sql/database.ts";

/** What the routes below `/api/v1` work on. */
export interface RestParts {
  readonly database: SqlDatabase;
  readonly access: Access;
  readonly audit: AuditLog;
  readonly passwords: Passwords;
  readonly manifests: Manifests;
  readonly repositories: Repositories;
  readonly collector: Collector;
  readonly verifier: Verifier;
  readonly deliverer: WebhookDeliverer;
  readonly onDeliveryDue: () => void;
  readonly replicator: Replicator;
  readonly bodies: Bodies;
  readonly nowMs: () => number;
}
