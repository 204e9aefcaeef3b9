import { InvalidArgumentError, UnsupportedError } from "#base/errors.ts";
import { type ImageReference, parseImageReference, withDefaultTag } from "#spec/reference.ts";

/** Where a cache is brought to or taken from, as BuildKit has it: `registry` with `ref`, `inline`, … */
export interface CacheLocation {
  readonly type: string;
  readonly attributes: Readonly<Record<string, string>>;
}

/** A cache to be written, understood. */
export type CacheTarget =
  | { readonly kind: "inline" }
  | {
      readonly kind: "registry";
      readonly reference: ImageReference;
      /** Also the layers of steps that are not the image's. */
      readonly isWhole: boolean;
      readonly ignoresErrors: boolean;
    };

/** @throws {UnsupportedError} A kind of place that there is not. {InvalidArgumentError} A place that is none. */
export function readCacheTarget({ type, attributes }: CacheLocation): CacheTarget {
  const mode = attributes["mode"] ?? "min";
  if (mode !== "min" && mode !== "max") {
    throw new InvalidArgumentError(`Cannot export the cache: mode ${JSON.stringify(mode)} is none`);
  }
  if (type === "inline") return { kind: "inline" };
  return {
    kind: "registry",
    reference: readCacheSource({ type, attributes }),
    isWhole: mode === "max",
    ignoresErrors: attributes["ignore-error"] === "true",
  };
}

/** @throws As `readCacheTarget`. */
export function readCacheSource({ type, attributes }: CacheLocation): ImageReference {
  if (type !== "registry") {
    throw new UnsupportedError(
      `Cannot share the cache by type=${type}: there are type=registry and type=inline`,
    );
  }
  const ref = attributes["ref"] ?? "";
  if (ref === "")
    throw new InvalidArgumentError("Cannot share the cache by registry: ref is missing");
  return withDefaultTag(parseImageReference(ref));
}
