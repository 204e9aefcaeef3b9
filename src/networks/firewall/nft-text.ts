import { assertNever } from "#base/errors.ts";
import type { NftChain, NftElement, NftField, NftStatement } from "#host/nft.ts";

/** `172.17.0.2 . 80`. */
function fieldsText(fields: readonly NftField[]): string {
  return fields.map(fieldText).join(" . ");
}

function fieldText(field: NftField): string {
  if ("address" in field) return field.address;
  if ("subnet" in field) return field.subnet;
  if ("protocol" in field) return field.protocol;
  if ("port" in field) return String(field.port);
  return `"${field.device}"`;
}

/** As it stands between the braces of a set or map, in the language of nft(8). */
export function elementText({ key, value }: NftElement): string {
  if (value === undefined) return fieldsText(key);
  const target = "jump" in value ? `jump ${value.jump}` : fieldsText(value);
  return `${fieldsText(key)} : ${target}`;
}

/** Lines of a chain, indented as in a table. */
export function chainLines({ name, rules }: NftChain): readonly string[] {
  return [`  chain ${name} {`, ...rules.map((statements) => `    ${ruleText(statements)}`), "  }"];
}

export function ruleText(statements: readonly NftStatement[]): string {
  return statements.map(statementText).join(" ");
}

function statementText(statement: NftStatement): string {
  switch (statement.kind) {
    case "led":
      return "ct status dnat";
    case "device": {
      const { way, isNot, name } = statement;
      return `${way === "in" ? "iifname" : "oifname"} ${isNot ? "!= " : ""}"${name}"`;
    }
    case "accept":
    case "drop":
    case "masquerade":
    case "counter":
      return statement.kind;
    default:
      return assertNever(statement);
  }
}
