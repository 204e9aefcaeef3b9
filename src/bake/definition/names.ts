import { InvalidArgumentError, messageOf } from "#base/errors.ts";
import { nearestWord } from "#base/nearest.ts";
import { convert } from "#bake/hcl/convert.ts";
import { evaluate } from "#bake/hcl/evaluate.ts";
import { hclFunction, type Parameter } from "#bake/hcl/function.ts";
import { STANDARD_FUNCTIONS } from "#bake/hcl/functions/standard.ts";
import { jsonText } from "#bake/hcl/functions/json.ts";
import { textOf } from "#bake/hcl/convert.ts";
import type { HclFunction, Referred, Scope } from "#bake/hcl/scope.ts";
import { DefinitionError, type SourceRange } from "#bake/hcl/source.ts";
import type { Attribute, Block, Body, Expression } from "#bake/hcl/syntax.ts";
import { readType } from "#bake/hcl/type-constraint.ts";
import {
  ANY,
  nullOf,
  text,
  tuple,
  type Type,
  typeName,
  typeOf,
  type Value,
} from "#bake/hcl/value.ts";
import { argumentsOf, labelOf } from "./blocks.ts";
import type { Variable } from "./target.ts";
import { givenValue } from "./variable-value.ts";

export interface NamesRequest {
  readonly bodies: readonly Body[];
  /** Always there: `BAKE_CMD_CONTEXT`, `BAKE_LOCAL_PLATFORM`. */
  readonly builtIn: ReadonlyMap<string, string>;
  /** The user's values for variables. */
  readonly environment: (name: string) => string | undefined;
  /** Blocks that expressions refer to. */
  readonly reference: (
    name: string,
    path: readonly string[],
    range: SourceRange,
  ) => Referred | undefined;
}

/** Names that top-level attributes cannot have: they are blocks in the JSON form. */
const RESERVED = new Set(["target", "group", "function", "variable"]);

/** Variables, constants and functions of a definition: each is evaluated when something needs it. */
export class Names {
  readonly #request: NamesRequest;
  readonly #variables = new Map<string, Block>();
  readonly #constants = new Map<string, Attribute>();
  readonly #functionBlocks = new Map<string, Block>();
  readonly #values = new Map<string, Value>();
  readonly #functions = new Map<string, HclFunction>();
  readonly #underWay = new Set<string>();
  readonly scope: Scope;

  constructor(request: NamesRequest) {
    this.#request = request;
    for (const { attributes, blocks } of request.bodies) {
      for (const one of attributes) if (!RESERVED.has(one.name)) this.#constants.set(one.name, one);
      for (const block of blocks) {
        if (block.type === "variable") this.#variables.set(labelOf(block).text, block);
        if (block.type === "function") this.#functionBlocks.set(labelOf(block).text, block);
      }
    }
    this.scope = {
      variable: (name, range) => this.#variable(name, range),
      reference: request.reference,
      variableNames: () => [
        ...request.builtIn.keys(),
        ...this.#constants.keys(),
        ...this.#variables.keys(),
      ],
      function: (name, range) => this.#function(name, range),
      functionNames: () => [...STANDARD_FUNCTIONS.keys(), ...this.#functionBlocks.keys()],
    };
  }

  /** Evaluates all of them, so that what is wrong is said even where nothing needs it. */
  check(): readonly Variable[] {
    const variables = [...this.#variables].map(([name, block]) => this.#describe(name, block));
    for (const [, block] of this.#variables) this.#validate(block);
    for (const [name, block] of this.#functionBlocks) this.#function(name, block.typeRange);
    return variables.toSorted((left, right) => (left.name < right.name ? -1 : 1));
  }

  checkConstants(): void {
    for (const [name, { nameRange }] of this.#constants) this.#variable(name, nameRange);
  }

  #describe(name: string, block: Block): Variable {
    const known = this.#argumentsOfVariable(block);
    const value = this.#variable(name, labelOf(block).range) ?? nullOf();
    const description = known.get("description");
    const type = known.get("type");
    const said = description && textOf(evaluate(description.expression, this.scope));
    return {
      name,
      ...(said === undefined || said === "" ? {} : { description: said }),
      ...(type ? { type: typeName(readType(type.expression)) } : {}),
      ...(value.kind === "null" ? {} : { value: textOf(value) ?? jsonText(value) }),
    };
  }

  #argumentsOfVariable({ body }: Block): ReadonlyMap<string, Attribute> {
    return argumentsOf(body, ["default", "description", "type"], ["validation"]);
  }

  #validate({ body }: Block): void {
    for (const validation of body.blocks) {
      const known = argumentsOf(validation.body, ["condition", "error_message"]);
      const condition = known.get("condition");
      const message = known.get("error_message");
      if (!condition || !message) {
        throw new DefinitionError(
          validation.typeRange,
          "Missing required argument",
          "A validation has condition and error_message.",
        );
      }
      const value = evaluate(condition.expression, this.scope);
      const made = convert(value, { kind: "bool" });
      if (made.ok && made.value.kind === "bool" && made.value.value) continue;
      const said = textOf(evaluate(message.expression, this.scope)) ?? "";
      throw new DefinitionError(condition.expression.range, "Validation failed", said);
    }
  }

  #variable(name: string, range: SourceRange): Value | undefined {
    const known = this.#values.get(name);
    if (known) return known;
    const builtIn = this.#request.builtIn.get(name);
    const constant = this.#constants.get(name);
    const block = this.#variables.get(name);
    if (builtIn !== undefined) return text(builtIn);
    if (!constant && !block) return undefined;
    if (this.#underWay.has(name)) {
      throw new DefinitionError(
        range,
        "Invalid expression",
        `Variable cycle not allowed for ${name}.`,
      );
    }
    this.#underWay.add(name);
    try {
      const value = block ? this.#valueOf(name, block, constant) : this.#constantOf(constant);
      this.#values.set(name, value);
      return value;
    } finally {
      this.#underWay.delete(name);
    }
  }

  #constantOf(constant: Attribute | undefined): Value {
    return constant ? evaluate(constant.expression, this.scope) : nullOf();
  }

  /** The environment's, else the default; an attribute of the same name stands for the default. */
  #valueOf(name: string, block: Block, constant: Attribute | undefined): Value {
    const known = this.#argumentsOfVariable(block);
    const typeArgument = known.get("type");
    const stated = typeArgument && readType(typeArgument.expression);
    const from = constant ?? known.get("default");
    const given = this.#given(name, stated);
    const { range } = labelOf(block);
    if (!from) {
      if (given) return located(range, () => givenValue(name, given, stated ?? ANY));
      return stated && stated.kind !== "any" ? nullOf(stated) : text("");
    }
    const value = evaluate(from.expression, this.scope);
    const made = convert(value, stated ?? ANY);
    if (!made.ok) {
      throw new DefinitionError(
        from.expression.range,
        "Invalid value",
        `The default of ${name} is no ${typeName(stated ?? ANY)}: ${made.reason}.`,
      );
    }
    if (!given) return made.value;
    return located(range, () => {
      const type = stated ?? typeOf(value);
      if (!stated && !["string", "number", "bool", "any"].includes(type.kind)) {
        throw new InvalidArgumentError(
          `unsupported type ${typeName(type)} for variable ${name}: give it a type`,
        );
      }
      return givenValue(name, given, type);
    });
  }

  #given(
    name: string,
    type: Type | undefined,
  ): { readonly text: string; readonly isJson: boolean } | undefined {
    const json = type ? this.#request.environment(`${name}_JSON`) : undefined;
    if (json !== undefined) return { text: json, isJson: true };
    const plain = this.#request.environment(name);
    return plain === undefined ? undefined : { text: plain, isJson: false };
  }

  #function(name: string, range: SourceRange): HclFunction | undefined {
    const known = STANDARD_FUNCTIONS.get(name) ?? this.#functions.get(name);
    if (known) return known;
    const block = this.#functionBlocks.get(name);
    if (!block) return undefined;
    const key = `function ${name}`;
    if (this.#underWay.has(key)) {
      throw new DefinitionError(
        range,
        "Invalid expression",
        `Function cycle not allowed for ${name}.`,
      );
    }
    this.#underWay.add(key);
    try {
      const made = this.#userFunction(name, block);
      this.#functions.set(name, made);
      return made;
    } finally {
      this.#underWay.delete(key);
    }
  }

  #userFunction(name: string, block: Block): HclFunction {
    const known = argumentsOf(block.body, ["params", "variadic_params", "result"]);
    const [params, result] = [known.get("params"), known.get("result")];
    if (!params || !result) {
      throw new DefinitionError(
        labelOf(block).range,
        "Invalid function",
        `Empty ${params ? "result" : "params"} not allowed for ${name}.`,
      );
    }
    if (params.expression.kind !== "tuple") {
      throw new DefinitionError(
        params.expression.range,
        "Invalid function",
        "params is a list of names.",
      );
    }
    const names = params.expression.items.map(nameOf);
    const more = known.get("variadic_params");
    const rest = more && nameOf(more.expression);
    const parameter = (one: string): Parameter => ({ name: one, type: ANY, mayBeNull: true });
    this.#checkCalls(result.expression);
    return hclFunction(
      names.map(parameter),
      (...values) => {
        const own = new Map(names.map((one, at) => [one, values[at] ?? nullOf()]));
        if (rest !== undefined) own.set(rest, tuple(values.slice(names.length)));
        return evaluate(result.expression, {
          ...this.scope,
          variable: (one, range) => own.get(one) ?? this.scope.variable(one, range),
          variableNames: () => [...own.keys(), ...this.scope.variableNames()],
        });
      },
      rest === undefined ? undefined : parameter(rest),
    );
  }

  /** Functions that a result calls have to be there, and may not lead back. */
  #checkCalls(expression: unknown): void {
    if (Array.isArray(expression)) {
      for (const one of expression) this.#checkCalls(one);
      return;
    }
    if (typeof expression !== "object" || expression === null) return;
    const node = expression as Partial<Expression>; // of a tree of expressions
    if (node.kind === "call" && "name" in node && typeof node.name === "string" && node.nameRange) {
      if (!this.#function(node.name, node.nameRange)) {
        const near = nearestWord(node.name, this.scope.functionNames());
        throw new DefinitionError(
          node.nameRange,
          "Call to unknown function",
          `There is no function named "${node.name}".${near === undefined ? "" : ` Did you mean "${near}"?`}`,
        );
      }
    }
    for (const [key, one] of Object.entries(expression)) {
      if (key !== "range" && key !== "nameRange" && key !== "value") this.#checkCalls(one);
      else if (key === "value" && node.kind !== "literal") this.#checkCalls(one);
    }
  }
}

function nameOf(expression: Expression): string {
  if (expression.kind === "variable") return expression.name;
  // in JSON a name is a text
  if (expression.kind === "literal" && expression.value.kind === "string")
    return expression.value.value;
  throw new DefinitionError(
    expression.range,
    "Invalid param element",
    "Each parameter name must be an identifier.",
  );
}

/** With the place, where what is wrong has none. */
export function located<Result>(range: SourceRange, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    if (error instanceof DefinitionError || !(error instanceof InvalidArgumentError)) throw error;
    throw new DefinitionError(range, "Invalid value", `${messageOf(error)}.`);
  }
}
