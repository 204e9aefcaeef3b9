import { formatGoTable } from "./go-table.ts";
import type { Definition } from "#bake/definition/target.ts";
import { printJson } from "./print.ts";

/** `--list targets`: those whose name begins with `_` are private. */
export function listTargets({ targets, groups }: Definition, format: "table" | "json"): string {
  const rows = [
    ...targets.map(({ name, fields }) => ({
      name,
      description: fields.description ?? "",
      isGroup: false,
    })),
    ...groups.map(({ name, description = "", targets: members }) => {
      const names = members.toSorted().join(", ");
      const whole =
        description === "" ? names : `${description}${names === "" ? "" : ` (${names})`}`;
      return { name, description: whole, isGroup: true };
    }),
  ]
    .filter(({ name }) => !name.startsWith("_"))
    .toSorted((left, right) => (left.name < right.name ? -1 : left.name > right.name ? 1 : 0));
  if (format === "table") {
    const lines = rows.map(({ name, description }) => [name, description]);
    return formatGoTable([["TARGET", "DESCRIPTION"], ...lines]);
  }
  return printJson(
    rows.map(({ name, description, isGroup }) => ({
      name,
      ...(description === "" ? {} : { description }),
      ...(isGroup ? { group: true } : {}),
    })),
  );
}

/** `--list variables`. */
export function listVariables({ variables }: Definition, format: "table" | "json"): string {
  if (format === "json") {
    return printJson(
      variables.map(({ name, description, type, value }) => ({ name, description, type, value })),
    );
  }
  const lines = variables.map(({ name, description = "", type = "", value = "<null>" }) => [
    name,
    type,
    value,
    description,
  ]);
  return formatGoTable([["VARIABLE", "TYPE", "VALUE", "DESCRIPTION"], ...lines]);
}
