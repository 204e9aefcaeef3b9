import { InvalidArgumentError, UnsupportedError } from "#base/errors.ts";
import type { FrontendAttributes } from "#builder/attributes.ts";

/** Attributes of exporters that are about what this engine does anyway, or not at all. */
const WITHOUT_EFFECT: ReadonlySet<string> = new Set([
  "name",
  "dest",
  "tar",
  "load",
  "unpack",
  "store",
  "oci-mediatypes",
  "oci-artifact",
  "prefer-image-digest",
  "name-canonical",
  "force-compression",
  "compression-level",
  "registry.insecure",
  "attestation-prefix",
]);
/** Those that are read elsewhere. */
const READ: ReadonlySet<string> = new Set([
  "push",
  "compression",
  "source-date-epoch",
  "rewrite-timestamp",
]);

/** What a user wants to be written into manifests. */
export interface Annotations {
  readonly manifest: Readonly<Record<string, string>>;
  readonly index: Readonly<Record<string, string>>;
}

const ANNOTATION =
  /^annotation(?:-(manifest|index|manifest-descriptor|index-descriptor))?(?:\[([^\]]*)\])?\.(.+)$/;

/**
 * The annotations among an exporter's attributes, where nothing else is asked of it that it cannot do.
 *
 * @throws {UnsupportedError} An attribute that asks for something that there is not, by name.
 */
export function readAnnotations(attributes: FrontendAttributes): Annotations {
  const manifest: Record<string, string> = {};
  const index: Record<string, string> = {};
  for (const [name, value] of Object.entries(attributes)) {
    if (WITHOUT_EFFECT.has(name) || READ.has(name)) continue;
    const [, kind = "manifest", platform, key = ""] = ANNOTATION.exec(name) ?? [];
    if (key === "")
      throw new UnsupportedError(`Cannot export with ${name}=${value}: it is not known`);
    if (platform !== undefined || (kind !== "manifest" && kind !== "index")) {
      throw new UnsupportedError(
        `Cannot annotate by ${name}: only manifests and indexes as a whole`,
      );
    }
    (kind === "index" ? index : manifest)[key] = value;
  }
  return { manifest, index };
}

/** @throws {InvalidArgumentError} It is no yes or no. */
export function readFlag(attributes: FrontendAttributes, name: string): boolean {
  const text = attributes[name] ?? "false";
  if (["true", "1", ""].includes(text)) return true;
  if (["false", "0"].includes(text)) return false;
  throw new InvalidArgumentError(`non-bool value specified for ${name}: ${JSON.stringify(text)}`);
}
