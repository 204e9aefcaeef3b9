import type { HttpRequest } from "#http1/incoming-request.ts";
import type { Route } from "#api/router.ts";

/** What clients before API 1.20, and hand-made ones, take over without asking for `Upgrade`. */
const LEGACY_PATHS: ReadonlySet<string> = new Set(["/containers/{id}/attach", "/exec/{id}/start"]);

/**
 * Whether a request gets the connection itself: it asks for an upgrade, or is an old client's.
 *
 * An attach without `Upgrade` whose body comes in chunks streams its input by proper HTTP, and is answered so.
 */
export function isTakeover(route: Route, request: HttpRequest): boolean {
  if (route.kind !== "hijack") return false;
  if (request.isUpgrade) return true;
  if (request.method !== "POST" || !LEGACY_PATHS.has(route.path)) return false;
  if (request.fields.get("upgrade") !== undefined) return false;
  return !(route.path.endsWith("/attach") && request.fields.get("transfer-encoding") !== undefined);
}
