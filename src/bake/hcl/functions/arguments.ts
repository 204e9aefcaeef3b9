import { ArgumentError, type Parameter } from "#bake/hcl/function.ts";
import { type ExactNumber, isInteger, toNumber } from "#bake/hcl/exact-number.ts";
import {
  ANY,
  BOOL,
  hasEntries,
  isSequence,
  NUMBER,
  STRING,
  type SequenceValue,
  type Type,
  typeName,
  typeOf,
  type Value,
} from "#bake/hcl/value.ts";

/** Parameters of functions, and their values once they are converted. */

export const textParameter = (name: string): Parameter => ({ name, type: STRING });
export const numberParameter = (name: string): Parameter => ({ name, type: NUMBER });
export const boolParameter = (name: string): Parameter => ({ name, type: BOOL });
export const anyParameter = (name: string): Parameter => ({ name, type: ANY });
export const nullableParameter = (name: string): Parameter => ({
  name,
  type: ANY,
  mayBeNull: true,
});
export const listParameter = (name: string, element: Type = ANY): Parameter => ({
  name,
  type: { kind: "list", element },
});

export function asText(value: Value | undefined): string {
  if (value?.kind === "string") return value.value;
  throw new ArgumentError(-1, "a text is required");
}

export function asExact(value: Value | undefined): ExactNumber {
  if (value?.kind === "number") return value.value;
  throw new ArgumentError(-1, "a number is required");
}

export function asBool(value: Value | undefined): boolean {
  if (value?.kind === "bool") return value.value;
  throw new ArgumentError(-1, "a bool is required");
}

/** @throws {ArgumentError} Not whole, or beyond what JavaScript counts exactly. */
export function asInteger(value: Value | undefined, index: number): number {
  const found = asExact(value);
  const whole = toNumber(found);
  if (isInteger(found) && Number.isSafeInteger(whole)) return whole;
  throw new ArgumentError(index, "a whole number is required");
}

export function asSequence(value: Value | undefined, index: number): SequenceValue {
  if (value && isSequence(value)) return value;
  throw new ArgumentError(index, `a list is required, not ${describe(value)}`);
}

export function asTexts(value: Value | undefined, index: number): readonly string[] {
  return asSequence(value, index).items.map((item) => {
    if (item.kind === "string") return item.value;
    throw new ArgumentError(index, "a list of texts is required");
  });
}

export function asEntries(value: Value | undefined, index: number): ReadonlyMap<string, Value> {
  if (value && hasEntries(value)) return value.entries;
  throw new ArgumentError(index, `a map or object is required, not ${describe(value)}`);
}

export function describe(value: Value | undefined): string {
  if (!value || value.kind === "null") return "null";
  return `a ${typeName(typeOf(value))}`;
}
