import { convert } from "./convert.ts";
import type { HclFunction } from "./scope.ts";
import { DefinitionError } from "./source.ts";
import type { Type, Value } from "./value.ts";

export interface Parameter {
  readonly name: string;
  readonly type: Type;
  readonly mayBeNull?: boolean;
}

/** An argument that a function cannot take; who calls it adds the place. */
export class ArgumentError extends RangeError {
  readonly index: number;

  /** @param reason Without a full stop. */
  constructor(index: number, reason: string) {
    super(reason);
    this.index = index;
  }
}

/** A function of the given parameters; the last of `rest` stands for any number more. */
export function hclFunction(
  parameters: readonly Parameter[],
  run: (...values: Value[]) => Value,
  rest?: Parameter,
): HclFunction {
  return {
    call({ name, values, ranges, range }) {
      const few = parameters[values.length];
      if (few) {
        throw new DefinitionError(
          range,
          "Not enough function arguments",
          `Function "${name}" wants ${parameters.length}; the one for "${few.name}" is missing.`,
        );
      }
      if (!rest && values.length > parameters.length) {
        throw new DefinitionError(
          ranges[parameters.length] ?? range,
          "Too many function arguments",
          `Function "${name}" wants ${parameters.length}.`,
        );
      }
      const fail = (index: number, reason: string): never => {
        const parameter = parameters[index] ?? rest;
        throw new DefinitionError(
          ranges[index] ?? range,
          "Invalid function argument",
          `Invalid value for "${parameter?.name ?? ""}" of "${name}": ${reason}.`,
        );
      };
      const converted = values.map((value, index): Value => {
        const parameter = parameters[index] ?? rest;
        if (!parameter) return value;
        if (value.kind === "null" && !parameter.mayBeNull) return fail(index, "it is null");
        const made = convert(value, parameter.type);
        return made.ok ? made.value : fail(index, made.reason);
      });
      try {
        return run(...converted);
      } catch (error) {
        if (!(error instanceof ArgumentError)) throw error;
        if (error.index >= 0) return fail(error.index, error.message);
        throw new DefinitionError(
          range,
          "Error in function call",
          `Call to function "${name}" failed: ${error.message}.`,
        );
      }
    },
  };
}
