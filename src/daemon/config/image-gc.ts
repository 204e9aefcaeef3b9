import { InvalidArgumentError } from "#base/errors.ts";
import { JsonReader } from "#base/json-reader.ts";
import type { CollectionPolicy } from "#upkeep/image-collection/plan.ts";
import { parseMilliseconds, parsePolicy } from "#upkeep/image-collection/policy.ts";
import type { Settings } from "./settings.ts";

/** When and how the engine removes images by itself. */
export interface ImageGcConfig {
  readonly policy: CollectionPolicy;
  readonly everyMs: number;
}

const KEYS = ["unused-for", "keep-per-repository", "min-free", "every"];
const DEFAULT_EVERY = "1h";
const SHORTEST_EVERY_MS = 1000;

/**
 * The key `image-gc` of daemon.json: `{"unused-for": "720h", "keep-per-repository": 3, "min-free": "10g",
 * "every": "1h"}`.
 *
 * @returns Undefined without the key: images are then removed by users alone.
 * @throws {InvalidArgumentError} An unknown key, or a value that is none.
 */
export function imageGcConfig(settings: Settings): ImageGcConfig | undefined {
  const value = settings.get("image-gc");
  if (value?.kind !== "object") return undefined;
  const prefix = "invalid image-gc: ";
  const reader = JsonReader.of(value.value, { prefix });
  const unknown = Object.keys(Object(value.value)).find((key) => !KEYS.includes(key));
  if (unknown !== undefined) {
    throw new InvalidArgumentError(`${prefix}unknown key "${unknown}": want ${KEYS.join(", ")}`);
  }
  const policy = parsePolicy({
    unusedFor: reader.string("unused-for"),
    keepPerRepository: reader.integer("keep-per-repository"),
    minFree: reader.string("min-free"),
  });
  const every = reader.string("every") ?? DEFAULT_EVERY;
  const everyMs = parseMilliseconds(every);
  if (everyMs < SHORTEST_EVERY_MS) throw new InvalidArgumentError(`${prefix}every: ${every}`);
  return { policy, everyMs };
}
