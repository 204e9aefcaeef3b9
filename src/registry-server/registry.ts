import type { SqlDatabase } from "#store/sql/database.ts";
import type { Access } from "./access/access.ts";
import { AccountAccess } from "./access/account-access.ts";
import { AuditLog } from "./access/audit-log.ts";
import { BearerTokens } from "./access/bearer-tokens.ts";
import { makeFirstAdmin } from "./access/first-admin.ts";
import { OpenAccess } from "./access/open-access.ts";
import { Passwords } from "./access/passwords.ts";
import { SigningKeys } from "./access/signing-keys.ts";
import { Throttle } from "./access/throttle.ts";
import type { RegistryConfig } from "./config.ts";
import { Blobs } from "./content/blobs.ts";
import type { ContentDependencies } from "./content/dependencies.ts";
import { DigestLanes } from "./content/digest-lanes.ts";
import { Manifests } from "./content/manifests.ts";
import { Repositories } from "./content/repositories.ts";
import { Uploads } from "./content/uploads.ts";
import type { RegistryEvent } from "./events/events.ts";
import { Bodies } from "./http/body/bodies.ts";
import { HttpServer, type TlsFiles } from "./http/http-server.ts";
import { HttpMetrics } from "./http/metrics.ts";
import type { TokenParts } from "./http/token.ts";
import type { RegistryLog } from "./log.ts";
import { openSchema } from "./metadata/schema.ts";
import { Copier } from "./remotes/copy.ts";
import { Proxy } from "./remotes/proxy.ts";
import type { Remotes } from "./remotes/remote.ts";
import { Replicator } from "./remotes/replicator.ts";
import type { BlobStorage } from "./storage/storage.ts";
import { Collector } from "./upkeep/collector.ts";
import { Schedule } from "./upkeep/schedule.ts";
import { Verifier } from "./upkeep/verifier.ts";
import { WebhookDeliverer } from "./webhooks/deliverer.ts";

/** Wrong credentials of one address or name: ten at once, then one every six seconds. */
const LOGIN_FAILURES = { burst: 10, perSecond: 1 / 6 };
/** How often deliveries are looked for that wait for another try. */
const DELIVERY_MS = 5000;
const REPLICATION_MS = 30_000;
const KEY_ROTATION_MS = 30 * 24 * 3_600_000;

/** What a registry is made of; closed by whoever opened it. */
export interface RegistryParts {
  readonly config: RegistryConfig;
  readonly database: SqlDatabase;
  readonly storage: BlobStorage;
  readonly remotes: Remotes;
  readonly log: RegistryLog;
  readonly nowMs: () => number;
  readonly newId: () => string;
}

/** A registry that serves. */
export interface Registry extends AsyncDisposable {
  readonly url: string;
  /** Of the user `admin`, when this start made it. */
  readonly firstPassword?: string;
  /** Tries what webhooks are to be told, as it does by itself every few seconds. */
  deliverDue(): Promise<void>;
  /** New connections get the new certificate; those that are open keep theirs. */
  replaceTls(tls: TlsFiles): void;
}

/** Brings the tables to the shape of today, then serves until it is closed. */
export async function openRegistry(parts: RegistryParts): Promise<Registry> {
  const { config, database, storage, log, nowMs, newId } = parts;
  await using stack = new AsyncDisposableStack();
  await openSchema(database);
  const passwords = new Passwords(nowMs);
  const bodies = new Bodies({ memoryBytes: config.bodyMemoryBytes, pace: config.pace });
  const { access, token } = openAccess(parts, passwords, bodies);
  const firstPassword = token && (await makeFirstAdmin(database, passwords, nowMs()));
  const content: ContentDependencies = {
    database,
    storage,
    lanes: new DigestLanes(),
    nowMs,
    newId,
  };
  const repositories = stack.use(
    new Repositories({ database, access, nowMs, isPublicByDefault: config.auth === "none" }),
  );
  const manifests = new Manifests(content, { allowSparseIndexes: config.allowSparseIndexes });
  const collector = new Collector(content, config.collector, log);
  const deliverer = new WebhookDeliverer({ database, log, nowMs });
  const deliver = stack.use(
    new Schedule("Delivery to webhooks", DELIVERY_MS, () => deliverer.deliverDue(), log),
  );
  const uploads = new Uploads(content);
  const blobs = new Blobs(content);
  const copier = new Copier({ blobs, uploads, manifests, storage });
  const { remotes } = parts;
  const both = { remotes, copier, manifests, repositories, log, nowMs };
  const replicator = stack.use(new Replicator({ ...both, database }));
  stack.use(new Schedule("Replication", REPLICATION_MS, () => replicator.runDue(), log));
  const onEvent = (event: RegistryEvent): void => {
    deliverer.note(event, () => deliver.trigger());
    replicator.note(event);
  };
  const proxy =
    config.proxies.length === 0
      ? undefined
      : new Proxy({ ...both, rules: config.proxies, blobs, storage });
  const collect = (): Promise<unknown> =>
    collector.collect({ isDryRun: false, removesUntagged: false });
  stack.use(new Schedule("Garbage collection", config.collectEveryMs, collect, log));
  const audit = new AuditLog({ database, log, nowMs });
  const server = stack.use(
    new HttpServer({
      listen: config.listen,
      ...(config.tls ? { tls: config.tls } : {}),
      ...(config.publicUrl === undefined ? {} : { publicUrl: config.publicUrl }),
      idleTimeoutSeconds: config.idleTimeoutSeconds,
      closeGraceMs: config.closeGraceMs,
      log,
      ...(config.rateLimit ? { limits: new Throttle(config.rateLimit, nowMs) } : {}),
      health: async () => {
        await database.all("SELECT 1 AS one");
        await storage.check();
      },
      metrics: new HttpMetrics(database),
      ...(token ? { token } : {}),
      rest: {
        database,
        access,
        audit,
        bodies,
        passwords,
        manifests,
        repositories,
        collector,
        verifier: new Verifier(content, log),
        nowMs,
        deliverer,
        replicator,
        onDeliveryDue: () => deliver.trigger(),
      },
      v2: {
        access,
        blobs,
        uploads,
        ...(proxy ? { proxy } : {}),
        manifests,
        repositories,
        storage,
        bodies,
        manifestMaxBytes: config.manifestMaxBytes,
        audit,
        onEvent,
        nowMs,
      },
    }),
  );
  const open = stack.move();
  return {
    url: server.url,
    deliverDue: () => deliverer.deliverDue(),
    replaceTls: (tls) => server.replaceTls(tls),
    ...(firstPassword === undefined ? {} : { firstPassword }),
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}

/** @returns `token` where users log in. */
function openAccess(
  { config, database, nowMs }: RegistryParts,
  passwords: Passwords,
  bodies: Bodies,
): { readonly access: Access; readonly token?: TokenParts } {
  if (config.auth === "none") return { access: new OpenAccess() };
  const keys = new SigningKeys({ database, nowMs, rotationMs: KEY_ROTATION_MS });
  const bearerTokens = new BearerTokens(keys, nowMs);
  const failures = new Throttle(LOGIN_FAILURES, nowMs);
  const access = new AccountAccess({ database, bearerTokens, passwords, failures, nowMs });
  return { access, token: { access, bearerTokens, database, bodies, nowMs } };
}
