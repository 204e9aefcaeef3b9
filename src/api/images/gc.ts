import { type Exchange, sendJson } from "#api/exchange.ts";
import { type Route, answer } from "#api/router.ts";
import type { Collection } from "#upkeep/image-collection/collect.ts";
import type { PolicyTexts } from "#upkeep/image-collection/policy.ts";

/** What the endpoints of `/wharf/image-gc` need of the engine. */
export interface ImageGcBackend {
  /** @param policy Absent: the configured one. */
  preview(policy: PolicyTexts | undefined): Promise<Collection>;
  run(policy: PolicyTexts | undefined): Promise<Collection>;
}

function policyOf({ query }: Exchange): PolicyTexts | undefined {
  const unusedFor = query.get("unused-for");
  const keepPerRepository = query.integer("keep");
  const minFree = query.get("min-free");
  const isGiven = [unusedFor, keepPerRepository, minFree].some((rule) => rule !== undefined);
  return isGiven ? { unusedFor, keepPerRepository, minFree } : undefined;
}

function toWire({ removals, freedBytes }: Collection): object {
  return {
    Images: removals.map(({ image, reason, idleMs }) => ({
      Id: image.id,
      Names: [...image.tags, ...(image.tags.length === 0 ? image.repoDigests : [])],
      Reason: reason,
      IdleSeconds: Math.floor(idleMs / 1000),
    })),
    SpaceReclaimed: freedBytes,
  };
}

/** Beyond Docker: which images a policy takes, and taking them. */
export function imageGcRoutes(backend: ImageGcBackend): readonly Route[] {
  return [
    answer("GET", "/wharf/image-gc", async (exchange) => {
      sendJson(exchange, 200, toWire(await backend.preview(policyOf(exchange))));
    }),
    answer("POST", "/wharf/image-gc", async (exchange) => {
      sendJson(exchange, 200, toWire(await backend.run(policyOf(exchange))));
    }),
  ];
}
