import { listAudit } from "#registry-server/metadata/audit.ts";
import { readStatistics } from "#registry-server/metadata/usage.ts";
import { listCount, type RestRoute, timeText } from "./route.ts";

const AUDIT_MAX = 1000;

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
    method: "GET",
    path: "/statistics",
    summary: "Count what is stored",
    requires: "admin",
    handle: async (call) => await readStatistics(call.parts.database),
  },
];
