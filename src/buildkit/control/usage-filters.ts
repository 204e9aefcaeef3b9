import { InvalidArgumentError, messageOf } from "#base/errors.ts";
import type { UsageRecord } from "#spec/buildkit/control.ts";

interface Condition {
  readonly name: string;
  /** Undefined: the field is set. */
  readonly operator: "==" | "!=" | "~=" | undefined;
  readonly value: string;
}

const CONDITION =
  /^\s*([A-Za-z]\w*)\s*(?:(==|!=|~=)\s*(?:"((?:[^"\\]|\\.)*)"|([^,"=~!]*))\s*)?(,|$)/;
const LONGEST = 1024;

/**
 * What `buildx du --filter` sends: conditions between commas hold together, and one of several filters suffices.
 *
 * @returns Whether a record is meant.
 * @see containerd's package filters
 * @throws {InvalidArgumentError} It cannot be read.
 */
export function usageFilter(texts: readonly string[]): (record: UsageRecord) => boolean {
  const filters = texts.filter((text) => text !== "").map((text) => parse(text, texts));
  if (filters.length === 0) return () => true;
  return (record) =>
    filters.some((conditions) => conditions.every((condition) => isMet(condition, record)));
}

function parse(text: string, all: readonly string[]): readonly Condition[] {
  const refuse = (why: string): InvalidArgumentError =>
    new InvalidArgumentError(`failed to parse diskusage filters [${all.join(" ")}]: ${why}`);
  if (text.length > LONGEST) throw refuse(`it is over ${LONGEST} characters`);
  const conditions: Condition[] = [];
  for (let rest = text; rest !== ""; ) {
    const match = CONDITION.exec(rest);
    if (!match) throw refuse(`parse error: ${JSON.stringify(rest)}`);
    const [whole, name = "", operator, quoted, bare = "", end] = match;
    const value = quoted === undefined ? bare.trim() : quoted.replace(/\\(.)/g, "$1");
    if (operator === "~=") {
      try {
        new RegExp(value);
      } catch (error) {
        throw refuse(messageOf(error));
      }
    }
    conditions.push({ name, operator: operator as Condition["operator"], value }); // the pattern's
    rest = rest.slice(whole.length);
    if (end === "," && rest === "") throw refuse("a condition is missing at the end");
  }
  return conditions;
}

function isMet({ name, operator, value }: Condition, record: UsageRecord): boolean {
  const [own, isSet] = fieldOf(name, record);
  switch (operator) {
    case undefined:
      return isSet;
    case "==":
      return isSet && own === value;
    case "!=":
      return own !== value;
    case "~=":
      return isSet && new RegExp(value).test(own);
  }
}

function fieldOf(name: string, record: UsageRecord): readonly [text: string, isSet: boolean] {
  switch (name) {
    case "id":
      return [record.id, record.id !== ""];
    case "parents":
      return [record.parents.join(";"), record.parents.length > 0];
    case "description":
      return [record.description, record.description !== ""];
    case "type":
      return [record.recordType, record.recordType !== ""];
    case "inuse":
      return ["", record.isInUse];
    case "mutable":
      return ["", record.isMutable];
    case "immutable":
      return ["", !record.isMutable];
    case "shared":
      return ["", record.isShared];
    case "private":
      return ["", !record.isShared];
    default:
      return ["", false];
  }
}
