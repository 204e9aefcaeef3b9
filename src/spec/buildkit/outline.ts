import type { LintLocation } from "./lint-result.ts";

/** Something that a build may be given. */
export interface OutlineItem {
  readonly name: string;
  readonly description?: string;
  readonly location: LintLocation & { readonly ranges: NonNullable<LintLocation["ranges"]> };
}

/** `result.json` of BuildKit's `frontend.outline`, without the file: what `--call=outline` prints. */
export interface BuildOutline {
  readonly name?: string;
  readonly description?: string;
  readonly args?: readonly (OutlineItem & { readonly value?: string })[];
  readonly secrets?: readonly (OutlineItem & { readonly required?: boolean })[];
  readonly ssh?: readonly (OutlineItem & { readonly required?: boolean })[];
}

/** `result.json` of `frontend.targets`, without the file. */
export interface BuildTargets {
  readonly targets: readonly {
    readonly name?: string;
    readonly default?: boolean;
    readonly description?: string;
    readonly base: string;
    readonly platform?: string;
    readonly location: LintLocation;
  }[];
}

/** The outline for people, as docker's client prints it. */
export function outlineText(outline: BuildOutline): string {
  const { name, description, args = [], secrets = [], ssh = [] } = outline;
  const head = [
    ...(name === undefined ? [] : [["TARGET:", name]]),
    ...(description === undefined ? [] : [["DESCRIPTION:", description]]),
  ];
  const required = (items: NonNullable<BuildOutline["secrets"]>): readonly string[][] =>
    items.map((item) => [item.name, item.required ? "true" : ""]);
  const tables = [
    table(head, 1),
    table([
      ["BUILD ARG", "VALUE", "DESCRIPTION"],
      ...args.map((one) => [one.name, one.value ?? "", one.description ?? ""]),
    ]),
    table([["SECRET", "REQUIRED"], ...required(secrets)]),
    table([["SSH", "REQUIRED"], ...required(ssh)]),
  ];
  const shown = tables.filter((_, at) =>
    at === 0 ? head.length > 0 : [args, secrets, ssh][at - 1]?.length,
  );
  return shown.map((text) => `${text}\n`).join("");
}

/** The targets for people. */
export function targetsText({ targets }: BuildTargets): string {
  const rows = targets.map(({ name, default: isDefault, description }) => [
    [name ?? "", isDefault ? "(default)" : ""].filter((word) => word !== "").join(" "),
    description ?? "",
  ]);
  return table([["TARGET", "DESCRIPTION"], ...rows], 1);
}

/** Columns as wide as their widest cell; the last is not filled up. */
function table(rows: readonly (readonly string[])[], gap = 3): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, cell.length);
  }
  const lines = rows.map((row) =>
    row
      .map((cell, at) => (at === row.length - 1 ? cell : cell.padEnd((widths[at] ?? 0) + gap)))
      .join(""),
  );
  return lines.map((line) => `${line}\n`).join("");
}
