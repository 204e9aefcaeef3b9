import { InvalidArgumentError } from "#base/errors.ts";
import { splitCsvLine } from "#spec/engine-api/mount-flags.ts";

const TYPES: ReadonlySet<string> = new Set(["provenance", "sbom"]);

export interface AttestWishes {
  /** `type=TYPE[,key=value]` each. */
  readonly attests: readonly string[];
  /** `true`, `false`, or parameters: shorthands that go before. */
  readonly provenance: string;
  readonly sbom: string;
}

/**
 * Reads `--attest`, `--provenance` and `--sbom`.
 *
 * @returns `attest:TYPE` to its parameters, for the frontend; what is turned off is left out.
 * @throws {InvalidArgumentError} In buildx's words.
 */
export function attestAttributes({
  attests,
  provenance,
  sbom,
}: AttestWishes): ReadonlyMap<string, string> {
  const found = new Map<string, string | undefined>();
  const all = [
    ...attests,
    ...(provenance === "" ? [] : [shorthand("provenance", provenance)]),
    ...(sbom === "" ? [] : [shorthand("sbom", sbom)]),
  ];
  for (const text of all) {
    const [type, parameters] = parseAttest(text);
    if (found.has(type)) {
      throw new InvalidArgumentError(`duplicate attestation field ${type}`);
    }
    found.set(type, parameters);
  }
  return new Map(
    [...found].flatMap(([type, parameters]) =>
      parameters === undefined ? [] : [[`attest:${type}`, parameters]],
    ),
  );
}

function shorthand(type: string, text: string): string {
  if (/^(?:1|t|true)$/i.test(text)) return `type=${type}`;
  if (/^(?:0|f|false)$/i.test(text)) return `type=${type},disabled=true`;
  return `type=${type},${text}`;
}

function parseAttest(text: string): readonly [type: string, parameters: string | undefined] {
  let type = "";
  let isDisabled = false;
  const parameters: string[] = [];
  for (const field of splitCsvLine(text)) {
    const at = field.indexOf("=");
    if (at < 0) throw new InvalidArgumentError(`invalid value ${field}`);
    const [key, value] = [field.slice(0, at).trim().toLowerCase(), field.slice(at + 1)];
    if (key === "type") type = value;
    else if (key === "disabled") isDisabled = /^(?:1|t|true)$/i.test(value);
    else parameters.push(`${key}=${value}`);
  }
  if (type === "") throw new InvalidArgumentError("attestation type not specified");
  if (!TYPES.has(type)) throw new InvalidArgumentError(`unknown attestation type ${type}`);
  return [type, isDisabled ? undefined : parameters.join(",")];
}
