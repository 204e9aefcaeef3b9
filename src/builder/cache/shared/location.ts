import { InvalidArgumentError, UnsupportedError } from "#base/errors.ts";
import { type CompressionWish, readFlag, readPacking } from "#builder/exporters/attributes.ts";
import { type Digest, parseDigest } from "#spec/digest.ts";
import { type ImageReference, parseImageReference, withDefaultTag } from "#spec/reference.ts";

/** Where a cache is brought to or taken from, as BuildKit has it: `registry` with `ref`, `inline`, … */
export interface CacheLocation {
  readonly type: string;
  readonly attributes: Readonly<Record<string, string>>;
}

/** A cache to be written, understood. */
export type CacheTarget =
  | { readonly kind: "inline" }
  | ({
      /** Also the layers of steps that are not the image's. */
      readonly isWhole: boolean;
      readonly ignoresErrors: boolean;
      /** As they are when absent. */
      readonly packing?: CompressionWish;
    } & (
      | { readonly kind: "registry"; readonly reference: ImageReference }
      /** A folder of the client's, by its name there. */
      | { readonly kind: "local"; readonly folder: string }
    ));

/** A cache to be read, understood. */
export type CacheSource =
  | { readonly kind: "registry"; readonly reference: ImageReference }
  | { readonly kind: "local"; readonly folder: string; readonly digest: Digest };

const KNOWN: ReadonlySet<string> = new Set([
  "compression",
  "compression-level",
  "dest",
  "digest",
  "force-compression",
  "ignore-error",
  "image-manifest",
  "mode",
  "oci-mediatypes",
  "ref",
  "registry.insecure",
  "src",
  "tag",
]);

/** @throws {UnsupportedError} A kind of place that there is not. {InvalidArgumentError} A place that is none. */
export function readCacheTarget({ type, attributes }: CacheLocation): CacheTarget {
  checkAttributes(type, attributes);
  const mode = attributes["mode"] ?? "min";
  if (mode !== "min" && mode !== "max") {
    throw new InvalidArgumentError(`Cannot export the cache: mode ${JSON.stringify(mode)} is none`);
  }
  if (type === "inline") return { kind: "inline" };
  const packing = readPacking(attributes);
  const common = {
    isWhole: mode === "max",
    ignoresErrors: readFlag(attributes, "ignore-error"),
    ...(packing ? { packing } : {}),
  };
  if (type === "local") {
    const folder = attributes["dest"] ?? "";
    if (folder === "") throw new InvalidArgumentError("local cache exporter requires dest");
    return { kind: "local", folder, ...common };
  }
  return { kind: "registry", reference: referenceOf({ type, attributes }), ...common };
}

/** @throws As `readCacheTarget`. */
export function readCacheSource(location: CacheLocation): CacheSource {
  const { type, attributes } = location;
  checkAttributes(type, attributes);
  if (type !== "local") return { kind: "registry", reference: referenceOf(location) };
  const folder = attributes["src"] ?? "";
  if (folder === "") throw new InvalidArgumentError("local cache importer requires src");
  const digest = attributes["digest"] ?? "";
  if (digest === "") {
    throw new InvalidArgumentError("local cache importer requires explicit digest");
  }
  return { kind: "local", folder, digest: parseDigest(digest) };
}

function checkAttributes(type: string, attributes: CacheLocation["attributes"]): void {
  if (type !== "registry" && type !== "local" && type !== "inline") {
    throw new UnsupportedError(
      `Cannot share the cache by type=${type}: there are type=registry, type=local and type=inline`,
    );
  }
  for (const [name, value] of Object.entries(attributes)) {
    if (!KNOWN.has(name)) {
      throw new UnsupportedError(`Cannot share the cache with ${name}=${value}: it is not known`);
    }
  }
  for (const name of ["image-manifest", "oci-mediatypes"]) {
    if (attributes[name] === undefined || readFlag(attributes, name)) continue;
    throw new UnsupportedError(
      `Cannot share the cache with ${name}=false: it is written as an OCI image manifest`,
    );
  }
}

function referenceOf({ attributes }: CacheLocation): ImageReference {
  const ref = attributes["ref"] ?? "";
  if (ref === "")
    throw new InvalidArgumentError("Cannot share the cache by registry: ref is missing");
  return withDefaultTag(parseImageReference(ref));
}
