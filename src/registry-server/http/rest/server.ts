import { listAudit } from "#registry-server/metadata/audit.ts";
import { readStatistics } from "#registry-server/metadata/usage.ts";
import { audit, listCount, readJson, type RestRoute, timeText } from "./route.ts";

const AUDIT_MAX = 1000;

const COLLECT = {
  dryRun: { type: "boolean", description: "Change nothing, say what would go" },
  untagged: {
    type: "boolean",
    description: "Remove manifests without tags everywhere, not only where retention rules are",
  },
} as const;

const VERIFY = {
  after: { type: "string", description: "Digest to go on behind, which the step before told" },
  removeDamaged: {
    type: "boolean",
    description: "Forget damaged blobs, so that the next push or the cache brings them anew",
  },
} as const;

/** Routes about the registry as a whole. */
export const serverRoutes: readonly RestRoute[] = [
  {
    method: "GET",
    path: "/account",
    summary: "Show who asks",
    requires: "account",
    handle: async ({ account }) => ({
      name: account.name,
      admin: account.isAdmin,
      robot: account.isRobot,
      ...(account.limits ? { scopes: account.limits } : {}),
    }),
  },
  {
    method: "GET",
    path: "/audit",
    summary: "List what was changed, newest first",
    requires: "admin",
    query: { n: "At most so many", before: "Id to go on behind" },
    handle: async (call) => {
      const before = call.exchange.query.get("before") ?? "";
      const entries = await listAudit(call.parts.database, before, listCount(call, AUDIT_MAX));
      return { entries: entries.map(({ atMs, ...entry }) => ({ ...entry, at: timeText(atMs) })) };
    },
  },
  {
    method: "POST",
    path: "/garbage-collection",
    summary: "Apply retention rules and remove what nothing refers to, beside pushes and pulls",
    requires: "admin",
    body: COLLECT,
    handle: async (call) => {
      const body = await readJson(call, COLLECT);
      const isDryRun = body.boolean("dryRun") ?? false;
      const removesUntagged = body.boolean("untagged") ?? false;
      const report = await call.exchange.withoutTimeout(() =>
        call.parts.collector.collect({ isDryRun, removesUntagged }),
      );
      if (!isDryRun) await audit(call, "garbage.collect", "registry", { blobs: report.blobs });
      return { dryRun: isDryRun, ...report };
    },
  },
  {
    method: "POST",
    path: "/verification",
    summary: "Read stored blobs, as many as one step takes, and compare them with their digests",
    requires: "admin",
    body: VERIFY,
    handle: async (call) => {
      const body = await readJson(call, VERIFY);
      const removesDamaged = body.boolean("removeDamaged") ?? false;
      const after = body.string("after") ?? "";
      const { damaged, ...counts } = await call.exchange.withoutTimeout(() =>
        call.parts.verifier.verify({ after, removesDamaged }),
      );
      for (const { digest, isRemoved } of damaged) {
        if (isRemoved) await audit(call, "blob.forget", digest);
      }
      const shown = damaged.map(({ isRemoved, ...blob }) => ({ ...blob, removed: isRemoved }));
      return { ...counts, damaged: shown };
    },
  },
  {
    method: "GET",
    path: "/statistics",
    summary: "Count what is stored",
    requires: "admin",
    handle: async (call) => await readStatistics(call.parts.database),
  },
];
