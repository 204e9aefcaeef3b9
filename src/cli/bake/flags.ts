import { InvalidArgumentError } from "#base/errors.ts";
import type { FlagsOf } from "#cli/container/create-request/fields.ts";
import { boolFlag, listFlag, stringFlag } from "#cli/command/flags.ts";
import { type BuildCall, buildFlags, type ProgressMode } from "#cli/image/building/flags.ts";

const list = { type: "stringArray" } as const;

export interface BakeFlags {
  readonly allow: readonly string[];
  readonly call: BuildCall;
  readonly check: boolean;
  readonly file: readonly string[];
  readonly list: string;
  readonly "list-targets": boolean;
  readonly "list-variables": boolean;
  readonly load: boolean;
  readonly "metadata-file": string;
  readonly "no-cache": boolean;
  readonly policy: readonly string[];
  readonly print: boolean;
  readonly progress: ProgressMode;
  readonly provenance: string;
  readonly pull: boolean;
  readonly push: boolean;
  readonly sbom: string;
  readonly set: readonly string[];
  readonly var: readonly string[];
}

/** buildx's flags of `bake`. */
export const bakeFlags: FlagsOf<BakeFlags> = {
  allow: listFlag("Allow build to access specified resources", list),
  call: buildFlags.call,
  check: { ...buildFlags.check, defaultText: "" },
  file: listFlag("Build definition file", { ...list, short: "f", complete: "files" }),
  list: stringFlag("List targets or variables"),
  "list-targets": boolFlag("List available targets", {
    deprecated: "list-targets is deprecated, use list=targets instead",
  }),
  "list-variables": boolFlag("List defined variables", {
    deprecated: "list-variables is deprecated, use list=variables instead",
  }),
  load: boolFlag('Shorthand for "--set=*.output=type=docker". Conditional.'),
  "metadata-file": stringFlag("Write build result metadata to a file", { complete: "files" }),
  "no-cache": boolFlag("Do not use cache when building the image"),
  policy: listFlag("Global policy evaluation options", list),
  print: boolFlag("Print the options without building"),
  progress: buildFlags.progress,
  provenance: stringFlag('Shorthand for "--set=*.attest=type=provenance"'),
  pull: boolFlag("Always attempt to pull all referenced images"),
  push: boolFlag('Shorthand for "--set=*.output=type=registry". Conditional.'),
  sbom: stringFlag('Shorthand for "--set=*.attest=type=sbom"'),
  set: listFlag('Override target value (e.g., "targetpattern.key=value")', list),
  var: listFlag('Set a variable value (e.g., "name=value")', list),
};

/** Flags that are short for `--set`, as those. */
export function overridesOf(flags: BakeFlags, isSet: (name: string) => boolean): readonly string[] {
  return [
    ...flags.set,
    ...(flags.push ? ["*.push=true"] : []),
    ...(flags.load ? ["*.load=true"] : []),
    ...(isSet("no-cache") ? [`*.no-cache=${flags["no-cache"]}`] : []),
    ...(isSet("pull") ? [`*.pull=${flags.pull}`] : []),
    ...attestOverrides(flags),
  ];
}

/** `--sbom` and `--provenance`, for all targets. */
export function attestOverrides({
  sbom,
  provenance,
}: Pick<BakeFlags, "sbom" | "provenance">): readonly string[] {
  return [...attestation("sbom", sbom), ...attestation("provenance", provenance)];
}

function attestation(type: string, value: string): readonly string[] {
  if (value === "") return [];
  if (/^(?:1|t|T|TRUE|true|True)$/.test(value)) return [`*.attest=type=${type},disabled=false`];
  if (/^(?:0|f|F|FALSE|false|False)$/.test(value)) return [`*.attest=type=${type},disabled=true`];
  return [`*.attest=type=${type},${value}`];
}

/** `--var NAME=value`. @throws {InvalidArgumentError} One without a name or a value. */
export function parseVariables(values: readonly string[]): ReadonlyMap<string, string> {
  return new Map(
    values
      .filter((value) => value !== "")
      .map((value): readonly [string, string] => {
        const at = value.indexOf("=");
        if (at > 0) return [value.slice(0, at), value.slice(at + 1)];
        const why = at < 0 ? "expected key=value" : "key is empty";
        throw new InvalidArgumentError(`invalid variable ${JSON.stringify(value)}, ${why}`);
      }),
  );
}

export interface ListRequest {
  readonly type: "targets" | "variables";
  readonly format: "table" | "json";
}

/** `--list targets`, `--list type=variables,format=json`. */
export function parseList(value: string): ListRequest {
  const given = new Map<string, string>();
  if (!value.includes("=")) given.set("type", value);
  else {
    for (const field of value.split(",")) {
      const at = field.indexOf("=");
      const key = field.slice(0, Math.max(0, at)).trim().toLowerCase();
      if (at < 0) throw new InvalidArgumentError(`invalid value ${field}`);
      if (key !== "type" && key !== "format") {
        throw new InvalidArgumentError(`unexpected key '${key}' in '${field}'`);
      }
      given.set(key, field.slice(at + 1));
    }
  }
  const type = given.get("type") ?? "";
  const format = given.get("format") || "table";
  if (type !== "targets" && type !== "variables") {
    throw new InvalidArgumentError(
      `invalid list type ${JSON.stringify(type)}: there are targets and variables`,
    );
  }
  if (format !== "table" && format !== "json") {
    throw new InvalidArgumentError(
      `invalid list format ${JSON.stringify(format)}: there are table and json`,
    );
  }
  return { type, format };
}
