import type { Finding } from "#upkeep/check/check.ts";
import { type Exchange, sendJson } from "#api/exchange.ts";
import type { SystemBackend } from "./backend.ts";

function findingToWire({ fault, outcome }: Finding): object {
  return {
    Kind: fault.kind,
    Subject: fault.subject,
    Explanation: fault.explanation,
    Mend: fault.mend?.words ?? "",
    Mended: outcome === "mended",
    ...(typeof outcome === "object" ? { Error: outcome.failure } : {}),
  };
}

/** `GET /system/check` looks, `POST /system/check` mends too. Not Docker's: docs/system-check.md. */
export async function sendCheck(
  exchange: Exchange,
  backend: SystemBackend,
  repair: boolean,
): Promise<void> {
  const deep = exchange.query.boolean("deep");
  const findings = await backend.check({ repair, deep }, exchange.signal);
  sendJson(exchange, 200, { Findings: findings.map(findingToWire) });
}
