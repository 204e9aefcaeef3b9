import { InvalidArgumentError, UnsupportedError } from "#base/errors.ts";
import type { FrontendAttributes } from "#builder/attributes.ts";

/** What is to be told of how a result was made. */
export interface ProvenanceWish {
  /** `max` tells build arguments, labels and every step as well. */
  readonly mode: "min" | "max";
  readonly version: "v0.2" | "v1";
  readonly builderId: string;
  /** The user says that the result can be made again, byte for byte. */
  readonly isReproducible: boolean;
  /** Only where it goes into an image: what buildx asks for unasked. */
  readonly isInlineOnly: boolean;
}

/** Who lists what is in a result. */
export interface SbomWish {
  /** Image that does it by BuildKit's scanner protocol; our own scanner when absent. */
  readonly generator?: string;
  /** What else it is told, as `BUILDKIT_SCAN_NAME`. */
  readonly parameters: Readonly<Record<string, string>>;
}

export interface AttestationWishes {
  readonly provenance?: ProvenanceWish;
  readonly sbom?: SbomWish;
}

const PREFIX = "attest:";

/**
 * Reads `attest:provenance` and `attest:sbom`.
 *
 * @throws {UnsupportedError} Another kind. {InvalidArgumentError} A value that is none.
 */
export function readAttestationWishes(attributes: FrontendAttributes): AttestationWishes {
  let wishes: AttestationWishes = {};
  for (const [name, text] of Object.entries(attributes)) {
    if (!name.startsWith(PREFIX)) continue;
    const kind = name.slice(PREFIX.length);
    const fields = readFields(text, kind);
    if (kind !== "provenance" && kind !== "sbom") {
      throw new UnsupportedError(`unknown attestation type ${JSON.stringify(kind)}`);
    }
    if (isTrue(fields, "disabled")) continue;
    wishes =
      kind === "provenance"
        ? { ...wishes, provenance: readProvenance(fields) }
        : { ...wishes, sbom: readSbom(fields) };
  }
  return wishes;
}

function readProvenance(fields: ReadonlyMap<string, string>): ProvenanceWish {
  const mode = fields.get("mode") ?? "max";
  if (mode !== "min" && mode !== "max" && mode !== "true") {
    throw new InvalidArgumentError(`invalid mode ${JSON.stringify(mode)}`);
  }
  const version = fields.get("version") ?? "v0.2";
  if (version !== "v0.2" && version !== "v1") {
    throw new InvalidArgumentError(`invalid SLSA provenance version ${JSON.stringify(version)}`);
  }
  return {
    mode: mode === "true" ? "max" : mode,
    version,
    builderId: fields.get("builder-id") ?? "",
    isReproducible: isTrue(fields, "reproducible"),
    isInlineOnly: isTrue(fields, "inline-only"),
  };
}

const OWN_FIELDS: ReadonlySet<string> = new Set(["disabled", "generator", "type"]);

function readSbom(fields: ReadonlyMap<string, string>): SbomWish {
  const generator = fields.get("generator") ?? "";
  return {
    ...(generator === "" ? {} : { generator }),
    parameters: Object.fromEntries([...fields].filter(([name]) => !OWN_FIELDS.has(name))),
  };
}

function isTrue(fields: ReadonlyMap<string, string>, name: string): boolean {
  const text = fields.get(name);
  if (text === undefined || text === "false" || text === "0") return false;
  if (text === "true" || text === "1" || text === "") return true;
  throw new InvalidArgumentError(
    `failed to parse ${name} flag: ${JSON.stringify(text)} is no yes or no`,
  );
}

/** `a=b,c=d`, as a line of CSV. */
function readFields(text: string, kind: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const field of splitRow(text)) {
    if (field === "") continue;
    const at = field.indexOf("=");
    if (at < 0) {
      throw new InvalidArgumentError(
        `Cannot read attestation ${kind}: ${JSON.stringify(field)} has no value`,
      );
    }
    fields.set(field.slice(0, at), field.slice(at + 1));
  }
  return fields;
}

/** Fields that hold a comma are in quotes. */
function splitRow(text: string): readonly string[] {
  const fields: string[] = [];
  const pattern = /"((?:[^"]|"")*)"(?:,|$)|([^,]*)(?:,|$)/gy;
  for (let match = pattern.exec(text); match && match[0] !== ""; match = pattern.exec(text)) {
    fields.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? "");
  }
  return fields;
}
