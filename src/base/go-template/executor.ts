import { InvalidArgumentError, ResourceExhaustedError } from "#base/errors.ts";
import { quoteGo } from "#base/go-number.ts";
import type { ParameterType, TemplateFunction, TemplateFunctions } from "./functions.ts";
import {
  type Branch,
  type Command,
  describeCommand,
  describeOperand,
  describeTemplateCall,
  type Node,
  type Operand,
  type Pipe,
} from "./nodes.ts";
import type { Trees } from "./parser.ts";
import {
  formatValue,
  type GoValue,
  isMap,
  isTrue,
  mapEntries,
  mapGet,
  mapHas,
  resolveField,
  TemplateStruct,
  typeName,
} from "./values.ts";

export interface ExecuteOptions {
  /** What a key that a map does not have is: `<no value>`, or an error (Docker's inspect). */
  readonly missingKey?: "no-value" | "error";
}

interface Program {
  readonly name: string;
  readonly text: string;
  readonly trees: Trees;
  readonly functions: TemplateFunctions;
}

const MAX_CALL_DEPTH = 500;
const MAX_OUTPUT_LENGTH = 256 * 1024 * 1024;

type Flow = "next" | "break" | "continue";

interface Variable {
  readonly name: string;
  value: GoValue;
}

/** No operand comes from the stage before: `undefined` is a value of its own. */
const NOTHING: unique symbol = Symbol("nothing");

/** @throws {InvalidArgumentError} With Go's text: `template: NAME:LINE:COLUMN: executing …`. */
export function executeTemplate(program: Program, data: GoValue, options: ExecuteOptions): string {
  return new Executor(program, options).run(data);
}

class Executor {
  readonly #program: Program;
  readonly #isMissingError: boolean;
  #variables: Variable[] = [];
  #templateName: string;
  #depth = 0;
  #out = "";

  constructor(program: Program, options: ExecuteOptions) {
    this.#program = program;
    this.#templateName = program.name;
    this.#isMissingError = options.missingKey === "error";
  }

  run(data: GoValue): string {
    this.#variables = [{ name: "$", value: data }];
    this.#walkAll(this.#program.trees.get(this.#program.name) ?? [], data);
    return this.#out;
  }

  #error(at: number, shown: string, message: string, cause?: unknown): InvalidArgumentError {
    const before = this.#program.text.slice(0, at);
    const lineStart = before.lastIndexOf("\n");
    const line = before.split("\n").length;
    const column = Buffer.byteLength(before.slice(lineStart + 1));
    return new InvalidArgumentError(
      `template: ${this.#program.name}:${line}:${column}: ` +
        `executing ${quoteGo(this.#templateName)} at <${shown}>: ${message}`,
      cause === undefined ? undefined : { cause },
    );
  }

  #write(text: string): void {
    if (this.#out.length + text.length > MAX_OUTPUT_LENGTH) {
      throw new ResourceExhaustedError(
        `Template output is over the limit of ${MAX_OUTPUT_LENGTH} characters`,
      );
    }
    this.#out += text;
  }

  #walkAll(nodes: readonly Node[], dot: GoValue): Flow {
    for (const node of nodes) {
      const flow = this.#walk(node, dot);
      if (flow !== "next") return flow;
    }
    return "next";
  }

  #walk(node: Node, dot: GoValue): Flow {
    switch (node.kind) {
      case "text":
        this.#write(node.text);
        return "next";
      case "action": {
        const value = this.#pipe(node.pipe, dot);
        if (node.pipe.variables.length === 0) this.#print(node, value);
        return "next";
      }
      case "break":
      case "continue":
        return node.kind;
      case "template":
        this.#call(node, dot);
        return "next";
      case "if":
      case "with":
        return this.#conditional(node, dot);
      case "range":
        this.#range(node, dot);
        return "next";
    }
  }

  #print(node: { readonly at: number; readonly pipe: Pipe }, value: GoValue): void {
    if (typeof value === "function") {
      const shown = describeOperand(node.pipe);
      throw this.#error(node.at, shown, `can't print ${shown} of type ${typeName(value)}`);
    }
    this.#write(value === undefined || value === null ? "<no value>" : formatValue(value));
  }

  #conditional(node: Branch, dot: GoValue): Flow {
    const scope = this.#variables.length;
    const value = this.#pipe(node.pipe, dot);
    const flow = isTrue(value)
      ? this.#walkAll(node.body, node.kind === "with" ? value : dot)
      : this.#walkAll(node.otherwise, dot);
    this.#variables.length = scope;
    return flow;
  }

  #range(node: Branch, dot: GoValue): void {
    const scope = this.#variables.length;
    const value = this.#pipe(node.pipe, dot);
    let count = 0;
    for (const [key, item] of this.#iterate(node, value)) {
      const inner = this.#variables.length;
      this.#bindRange(node.pipe, key, item, typeof value === "number");
      count++;
      const flow = this.#walkAll(node.body, item);
      this.#variables.length = inner;
      if (flow === "break") break;
    }
    this.#variables.length = scope;
    if (count === 0) {
      this.#walkAll(node.otherwise, dot);
      this.#variables.length = scope;
    }
  }

  *#iterate(node: Branch, value: GoValue): Iterable<readonly [GoValue, GoValue]> {
    if (value === null || value === undefined) return;
    if (Array.isArray(value)) {
      for (const [index, item] of value.entries()) yield [index, item];
    } else if (typeof value === "number" && Number.isInteger(value)) {
      for (let index = 0; index < value; index++) yield [index, index];
    } else if (isMap(value)) yield* mapEntries(value);
    else {
      throw this.#error(
        node.pipe.at,
        describeOperand(node.pipe),
        `range can't iterate over ${formatValue(value)}`,
      );
    }
  }

  #bindRange(pipe: Pipe, key: GoValue, item: GoValue, isCount: boolean): void {
    const [first, second] = pipe.variables;
    if (first === undefined) return;
    const pairs: readonly (readonly [string, GoValue])[] =
      second === undefined
        ? [[first, isCount ? key : item]]
        : [
            [first, key],
            [second, item],
          ];
    for (const [name, value] of pairs) {
      if (pipe.isAssign) this.#assign(name, value);
      else this.#variables.push({ name, value });
    }
  }

  #assign(name: string, value: GoValue): void {
    const variable = this.#variables.findLast((candidate) => candidate.name === name);
    if (variable) variable.value = value;
  }

  #call(node: Extract<Node, { readonly kind: "template" }>, dot: GoValue): void {
    const shown = describeTemplateCall(node.name, node.pipe);
    const tree = this.#program.trees.get(node.name);
    if (!tree) throw this.#error(node.at, shown, `template ${quoteGo(node.name)} not defined`);
    if (this.#depth >= MAX_CALL_DEPTH) {
      throw this.#error(node.at, shown, `exceeded maximum template depth (${MAX_CALL_DEPTH})`);
    }
    const value = node.pipe ? this.#pipe(node.pipe, dot) : null;
    const outer = this.#variables;
    const outerName = this.#templateName;
    this.#variables = [{ name: "$", value }];
    this.#templateName = node.name;
    this.#depth++;
    this.#walkAll(tree, value);
    this.#depth--;
    this.#variables = outer;
    this.#templateName = outerName;
  }

  #pipe(pipe: Pipe, dot: GoValue): GoValue {
    let value: GoValue = NOTHING;
    for (const command of pipe.commands) value = this.#command(command, dot, value);
    // `range` binds its variables itself, one round at a time; what is set here is then shadowed
    for (const name of pipe.variables) {
      if (pipe.isAssign) this.#assign(name, value);
      else this.#variables.push({ name, value });
    }
    return value;
  }

  #command(command: Command, dot: GoValue, final: GoValue): GoValue {
    const [first, ...operands] = command.operands;
    if (!first) return undefined;
    switch (first.kind) {
      case "field":
        return this.#fields(dot, dot, first, first.names, operands, final);
      case "chain": {
        const base = this.#chainBase(first, dot);
        return this.#fields(dot, base, first, first.names, operands, final);
      }
      case "variable": {
        const value = this.#variable(first.name);
        if (first.names.length > 0) {
          return this.#fields(dot, value, first, first.names, operands, final);
        }
        this.#refuseOperands(first, operands, final);
        return value;
      }
      case "function":
        return this.#function(first, command, operands, dot, final);
      case "pipe":
        this.#refuseOperands(first, operands, final);
        return this.#pipe(first, dot);
      case "nil":
        throw this.#error(first.at, "nil", "nil is not a command");
      default:
        this.#refuseOperands(first, operands, final);
        return this.#operand(first, dot);
    }
  }

  #refuseOperands(first: Operand, operands: readonly Operand[], final: GoValue): void {
    if (operands.length === 0 && final === NOTHING) return;
    const shown = describeOperand(first);
    throw this.#error(first.at, shown, `can't give argument to non-function ${shown}`);
  }

  #variable(name: string): GoValue {
    return this.#variables.findLast((variable) => variable.name === name)?.value;
  }

  #chainBase(chain: Extract<Operand, { readonly kind: "chain" }>, dot: GoValue): GoValue {
    if (chain.base.kind === "nil") {
      throw this.#error(
        chain.at,
        describeOperand(chain),
        `indirection through explicit nil in ${describeOperand(chain)}`,
      );
    }
    return this.#operand(chain.base, dot);
  }

  /** The value of an operand that is not the head of a command. */
  #operand(operand: Operand, dot: GoValue): GoValue {
    switch (operand.kind) {
      case "dot":
        return dot;
      case "nil":
        return null;
      case "bool":
      case "number":
      case "string":
        return operand.value;
      case "function":
        return this.#function(operand, { at: operand.at, operands: [operand] }, [], dot, NOTHING);
      case "field":
        return this.#fields(dot, dot, operand, operand.names, [], NOTHING);
      case "variable":
        return this.#fields(dot, this.#variable(operand.name), operand, operand.names, [], NOTHING);
      case "chain":
        return this.#fields(
          dot,
          this.#chainBase(operand, dot),
          operand,
          operand.names,
          [],
          NOTHING,
        );
      case "pipe":
        return this.#pipe(operand, dot);
    }
  }

  #fields(
    dot: GoValue,
    base: GoValue,
    operand: Operand,
    names: readonly string[],
    operands: readonly Operand[],
    final: GoValue,
  ): GoValue {
    let value = base;
    for (const [index, name] of names.entries()) {
      const isLast = index === names.length - 1;
      const given = isLast ? operands.map((each) => this.#operand(each, dot)) : [];
      if (isLast && final !== NOTHING) given.push(final);
      value = this.#field(value, name, operand, given);
    }
    return value;
  }

  #field(receiver: GoValue, name: string, operand: Operand, given: readonly GoValue[]): GoValue {
    const fail = (message: string, cause?: unknown): InvalidArgumentError =>
      this.#error(operand.at, describeOperand(operand), message, cause);
    if (receiver === undefined) {
      if (this.#isMissingError) throw fail(`nil data; no entry for key ${quoteGo(name)}`);
      return undefined;
    }
    if (receiver === null) throw fail(`nil pointer evaluating interface {}.${name}`);
    if (receiver instanceof TemplateStruct) {
      if (!Object.hasOwn(receiver.fields, name)) {
        throw fail(`can't evaluate field ${name} in type ${receiver.goType}`);
      }
      return this.#structField(receiver.fields[name], name, given, fail);
    }
    if (!isMap(receiver)) throw fail(`can't evaluate field ${name} in type ${typeName(receiver)}`);
    if (given.length > 0) throw fail(`${name} is not a method but has arguments`);
    if (mapHas(receiver, name)) return mapGet(receiver, name);
    const isTyped = receiver instanceof Map;
    if (this.#isMissingError && !isTyped) throw fail(`map has no entry for key ${quoteGo(name)}`);
    return undefined;
  }

  #structField(
    field: unknown,
    name: string,
    given: readonly GoValue[],
    fail: (message: string, cause?: unknown) => InvalidArgumentError,
  ): GoValue {
    if (typeof field !== "function") {
      if (given.length > 0) throw fail(`${name} has arguments but cannot be invoked as function`);
      return field;
    }
    if (field.length !== given.length) {
      throw fail(`wrong number of args for ${name}: want ${field.length} got ${given.length}`);
    }
    try {
      return resolveField(field, given);
    } catch (cause) {
      if (!(cause instanceof InvalidArgumentError)) throw cause;
      throw fail(`error calling ${name}: ${cause.message}`, cause);
    }
  }

  #function(
    head: Extract<Operand, { readonly kind: "function" }>,
    command: Command,
    operands: readonly Operand[],
    dot: GoValue,
    final: GoValue,
  ): GoValue {
    const { name } = head;
    const known = this.#program.functions;
    const definition = Object.hasOwn(known, name) ? known[name] : undefined;
    const shown = describeCommand(command);
    if (!definition) throw this.#error(head.at, name, `${quoteGo(name)} is not a defined function`);
    const count = operands.length + (final === NOTHING ? 0 : 1);
    const { parameters, rest } = definition;
    if (rest === undefined ? count !== parameters.length : count < parameters.length) {
      const want = rest === undefined ? String(parameters.length) : `at least ${parameters.length}`;
      throw this.#error(
        head.at,
        name,
        `wrong number of args for ${name}: want ${want} got ${count}`,
      );
    }
    if (name === "and" || name === "or") return this.#shortCircuit(name, operands, dot, final);
    const values = operands.map((operand, index) =>
      this.#typed(this.#operand(operand, dot), parameters[index] ?? rest ?? "any", operand, shown),
    );
    if (final !== NOTHING) {
      values.push(this.#typed(final, parameters[values.length] ?? rest ?? "any", head, shown));
    }
    return this.#apply(definition, name, values, head, shown);
  }

  #apply(
    definition: TemplateFunction,
    name: string,
    values: readonly GoValue[],
    head: Operand,
    shown: string,
  ): GoValue {
    try {
      return definition.apply(values);
    } catch (cause) {
      if (!(cause instanceof InvalidArgumentError)) throw cause;
      throw this.#error(head.at, shown, `error calling ${name}: ${cause.message}`, cause);
    }
  }

  #shortCircuit(
    name: "and" | "or",
    operands: readonly Operand[],
    dot: GoValue,
    final: GoValue,
  ): GoValue {
    let value: GoValue;
    for (const operand of operands) {
      value = this.#operand(operand, dot);
      if (isTrue(value) === (name === "or")) return value;
    }
    return final === NOTHING ? value : final;
  }

  #typed(value: GoValue, type: ParameterType, operand: Operand, shown: string): GoValue {
    if (type === "any") return value;
    const isFitting =
      type === "string"
        ? typeof value === "string"
        : typeof value === "number" && Number.isInteger(value);
    if (isFitting) return value;
    const text = operand.kind === "function" ? shown : describeOperand(operand);
    if (value === undefined || value === null) {
      throw this.#error(operand.at, text, `invalid value; expected ${type}`);
    }
    const isLiteral =
      operand.kind === "number" || operand.kind === "bool" || operand.kind === "string";
    throw this.#error(
      operand.at,
      text,
      isLiteral
        ? `expected ${type === "int" ? "integer" : type}; found ${text}`
        : `wrong type for value; expected ${type}; got ${typeName(value)}`,
    );
  }
}
