import { messageOf } from "#base/errors.ts";
import type { RegistryLog } from "#registry-server/log.ts";
import { insertAudit } from "#registry-server/metadata/audit.ts";
import type { SqlDatabase } from "#store/sql/database.ts";
import { type Caller, type Principal, principalName } from "./access.ts";

export interface AuditedAction {
  /** `manifest.push`, `user.create`. */
  readonly action: string;
  readonly object: string;
  readonly detail?: Readonly<Record<string, unknown>>;
}

/** Writes down who changed what. */
export class AuditLog {
  readonly #database: SqlDatabase;
  readonly #log: RegistryLog;
  readonly #nowMs: () => number;

  constructor(parts: {
    readonly database: SqlDatabase;
    readonly log: RegistryLog;
    readonly nowMs: () => number;
  }) {
    this.#database = parts.database;
    this.#log = parts.log;
    this.#nowMs = parts.nowMs;
  }

  /** The action has been done: a failure to write goes to the log, not to the client. */
  async record(caller: Caller, principal: Principal, what: AuditedAction): Promise<void> {
    const entry = {
      id: Bun.randomUUIDv7("hex", this.#nowMs()),
      atMs: this.#nowMs(),
      actor: principalName(principal),
      address: caller.address,
      action: what.action,
      object: what.object,
      detail: what.detail ?? {},
    };
    try {
      await insertAudit(this.#database, entry);
    } catch (error) {
      this.#log.error("Cannot write the audit log", {
        action: entry.action,
        object: entry.object,
        actor: entry.actor,
        error: messageOf(error),
      });
    }
  }
}
