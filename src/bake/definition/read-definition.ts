import { InvalidArgumentError } from "#base/errors.ts";
import { convert } from "#bake/hcl/convert.ts";
import { evaluate } from "#bake/hcl/evaluate.ts";
import { parseHcl } from "#bake/hcl/parse-body.ts";
import { parseJson } from "#bake/hcl/parse-json.ts";
import type { Referred, Scope } from "#bake/hcl/scope.ts";
import { DefinitionError, type SourceFile, type SourceRange } from "#bake/hcl/source.ts";
import type { Attribute, Block, Body } from "#bake/hcl/syntax.ts";
import {
  hasEntries,
  isSequence,
  list,
  object,
  STRING,
  text,
  nullOf,
  type Value,
} from "#bake/hcl/value.ts";
import { argumentsOf, BLOCKS, labelOf } from "./blocks.ts";
import { fieldValue, valueOfField } from "./field-values.ts";
import { Names, type NamesRequest } from "./names.ts";
import {
  type Definition,
  FIELD_NAMES,
  type FieldName,
  type Group,
  mergeFields,
  type Target,
  TARGET_FIELDS,
  type TargetFields,
} from "./target.ts";

const TARGET_NAME = /^[a-zA-Z0-9_-]+$/;
const TARGET_ARGUMENTS: readonly string[] = [...FIELD_NAMES, "matrix", "name"];
const GROUP_ARGUMENTS = ["description", "targets"];
/** Targets that a matrix may make: more is a mistake. */
const LARGEST_MATRIX = 10_000;

export interface DefinitionRequest extends Pick<NamesRequest, "builtIn" | "environment"> {
  readonly files: readonly SourceFile[];
  /** What Compose files gave: these targets come first, and files of HCL add to them. */
  readonly base: Pick<Definition, "targets" | "groups">;
}

/**
 * Reads files in HCL, or its JSON form, as one definition.
 *
 * @throws {DefinitionError} With the place.
 */
export function readDefinition(request: DefinitionRequest): Definition {
  const bodies = request.files.map(parseFile);
  return new DefinitionReader(bodies, request).read();
}

function parseFile(file: SourceFile): Body {
  const name = file.name.toLowerCase();
  const isJson = name.endsWith(".json") || (!name.endsWith(".hcl") && /^\s*[{[]/.test(file.text));
  return isJson ? parseJson(file, BLOCKS) : parseHcl(file);
}

/** One target that a block makes: with a matrix, a block makes several. */
interface TargetInstance {
  readonly name: string;
  readonly scope: Scope;
  readonly args: ReadonlyMap<string, Attribute>;
  readonly values: Map<FieldName, TargetFields[FieldName]>;
  readonly underWay: Set<FieldName>;
}

class DefinitionReader {
  readonly #bodies: readonly Body[];
  readonly #request: DefinitionRequest;
  readonly #names: Names;
  readonly #instances = new Map<Block, readonly TargetInstance[]>();
  #blocks: readonly Block[] = [];
  #areNamed = false;

  constructor(bodies: readonly Body[], request: DefinitionRequest) {
    this.#bodies = bodies;
    this.#request = request;
    this.#names = new Names({
      bodies,
      builtIn: request.builtIn,
      environment: request.environment,
      reference: (name, path, range) => this.#reference(name, path, range),
    });
  }

  read(): Definition {
    const all = this.#bodies.flatMap(({ blocks }) => blocks);
    const unknown = all.find(({ type }) => !BLOCKS.has(type));
    if (unknown) argumentsOf({ attributes: [], blocks: [unknown] }, [...BLOCKS.keys()]);
    const variables = this.#names.check();
    this.#blocks = all.filter(({ type }) => type === "target" || type === "group");
    const renamed = new Map<string, string[]>();
    for (const block of this.#blocks) {
      const { text: label } = labelOf(block);
      checkName(block);
      if (block.type !== "target") continue;
      const made = this.#instancesOf(block).map(({ name }) => name);
      renamed.set(label, [...(renamed.get(label) ?? []), ...made]);
    }
    this.#areNamed = true;
    const targets = new Map(this.#request.base.targets.map(({ name, fields }) => [name, fields]));
    const groups = new Map(this.#request.base.groups.map((group) => [group.name, group]));
    for (const block of this.#blocks) {
      if (block.type === "group") {
        const group = this.#group(block);
        groups.set(group.name, group);
        continue;
      }
      for (const instance of this.#instancesOf(block)) {
        const fields = this.#fieldsOf(instance);
        targets.set(instance.name, mergeFields(targets.get(instance.name) ?? {}, fields));
      }
    }
    this.#names.checkConstants();
    for (const [name, made] of renamed) {
      const distinct = [...new Set(made)];
      // a group of that name that the file has comes first
      if (distinct.length !== 1 || distinct[0] !== name) {
        if (!groups.has(name)) groups.set(name, { name, targets: distinct });
      }
    }
    return {
      targets: [...targets].map(([name, fields]): Target => ({ name, fields })),
      groups: [...groups.values()],
      variables,
    };
  }

  #group(block: Block): Group {
    const args = argumentsOf(block.body, [...GROUP_ARGUMENTS, "matrix", "name"]);
    const wrong = args.get("matrix") ?? args.get("name");
    if (wrong) {
      throw new DefinitionError(
        wrong.nameRange,
        "Invalid block",
        `${wrong.name} is not supported for groups.`,
      );
    }
    const said = (name: string, kind: "text" | "texts"): TargetFields[FieldName] => {
      const found = args.get(name);
      if (!found) return undefined;
      const value = evaluate(found.expression, this.#names.scope);
      return fieldValue(name, kind, value, found.expression.range);
    };
    const targets = said("targets", "texts");
    if (!Array.isArray(targets)) {
      throw new DefinitionError(
        labelOf(block).range,
        "Missing required argument",
        `The argument "targets" is required, but no definition was found.`,
      );
    }
    const description = said("description", "text");
    return {
      name: labelOf(block).text,
      ...(typeof description === "string" ? { description } : {}),
      targets: [...new Set(targets.map(String))],
    };
  }

  #instancesOf(block: Block): readonly TargetInstance[] {
    const known = this.#instances.get(block);
    if (known) return known;
    const args = argumentsOf(block.body, TARGET_ARGUMENTS);
    const matrix = args.get("matrix");
    const name = args.get("name");
    if (name && !matrix) {
      throw new DefinitionError(name.nameRange, "Invalid name", "name requires matrix.");
    }
    const scopes = matrix ? this.#matrixScopes(matrix) : [this.#names.scope];
    const made = scopes.map((scope): TargetInstance => {
      const found = name ? nameOf(name, scope) : labelOf(block).text;
      return { name: found, scope, args, values: new Map(), underWay: new Set() };
    });
    const doubled = made.find(
      (one, at) => made.findIndex(({ name: other }) => other === one.name) < at,
    );
    if (doubled) {
      throw new DefinitionError(
        name?.expression.range ?? matrix?.nameRange ?? labelOf(block).range,
        "Invalid name",
        `Duplicate name "${doubled.name}": the name has to differ for each combination of the matrix.`,
      );
    }
    this.#instances.set(block, made);
    return made;
  }

  #matrixScopes(matrix: Attribute): readonly Scope[] {
    const { range } = matrix.expression;
    const value = evaluate(matrix.expression, this.#names.scope);
    if (!hasEntries(value)) {
      throw new DefinitionError(range, "Invalid matrix", "matrix must be a map.");
    }
    let rows: readonly ReadonlyMap<string, Value>[] = [new Map()];
    for (const [key, values] of value.entries) {
      if (!isSequence(values)) {
        throw new DefinitionError(range, "Invalid matrix", "matrix values must be a list.");
      }
      rows = values.items.flatMap((one) => rows.map((row) => new Map([...row, [key, one]])));
      if (rows.length > LARGEST_MATRIX) {
        throw new DefinitionError(range, "Invalid matrix", `It makes more than ${LARGEST_MATRIX}.`);
      }
    }
    const { scope } = this.#names;
    return rows.map((row) => ({
      ...scope,
      variable: (name, place) => row.get(name) ?? scope.variable(name, place),
      variableNames: () => [...row.keys(), ...scope.variableNames()],
    }));
  }

  #fieldsOf(instance: TargetInstance): TargetFields {
    const entries = FIELD_NAMES.map((name) => [name, this.#field(instance, name)] as const);
    return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
  }

  #field(instance: TargetInstance, name: FieldName): TargetFields[FieldName] {
    const { values, args, scope, underWay } = instance;
    if (values.has(name)) return values.get(name);
    const found = args.get(name);
    if (!found) return undefined;
    const { range } = found.expression;
    if (underWay.has(name)) {
      throw new DefinitionError(
        range,
        "Invalid expression",
        `Reference cycle not allowed for target.${instance.name}.${name}.`,
      );
    }
    underWay.add(name);
    try {
      const value = evaluate(found.expression, scope);
      const made = fieldValue(name, TARGET_FIELDS[name].kind, value, range);
      values.set(name, made);
      return made;
    } finally {
      underWay.delete(name);
    }
  }

  /** `target.app.tags`, `group.all.targets`: of the block that was read last, where several have the name. */
  #reference(type: string, path: readonly string[], range: SourceRange): Referred | undefined {
    if (type !== "target" && type !== "group") return undefined;
    const [name, field] = path;
    if (name === undefined) {
      throw new DefinitionError(
        range,
        "Invalid expression",
        `Cannot access ${type} as a variable.`,
      );
    }
    if (!this.#areNamed) {
      throw new DefinitionError(
        range,
        "Invalid expression",
        `${type}.${name} is not known yet: variables and names of targets come before targets.`,
      );
    }
    return type === "group"
      ? this.#groupReference(name, range)
      : this.#targetReference(name, field, range);
  }

  #groupReference(name: string, range: SourceRange): Referred {
    const block = this.#blocks.findLast(
      (one) => one.type === "group" && labelOf(one).text === name,
    );
    if (!block) return unknownReference("group", name, range);
    const { targets, description } = this.#group(block);
    const value = object([
      ["name", text(name)],
      ["targets", list(STRING, targets.map(text))],
      ["description", description === undefined ? nullOf(STRING) : text(description)],
    ]);
    return { value, length: 1 };
  }

  #targetReference(name: string, field: string | undefined, range: SourceRange): Referred {
    const instance = this.#blocks
      .filter(({ type }) => type === "target")
      .flatMap((block) => this.#instancesOf(block))
      .findLast((one) => one.name === name);
    if (!instance) return unknownReference("target", name, range);
    const wanted = FIELD_NAMES.find((one) => one === field);
    if (wanted !== undefined) {
      return { value: valueOfField(wanted, this.#field(instance, wanted)), length: 2 };
    }
    const fields = FIELD_NAMES.map((one): [string, Value] => [
      one,
      valueOfField(one, this.#field(instance, one)),
    ]);
    return { value: object([["name", text(name)], ...fields]), length: 1 };
  }
}

function unknownReference(type: string, name: string, range: SourceRange): never {
  throw new DefinitionError(range, "Unsupported attribute", `There is no ${type} "${name}".`);
}

function nameOf(attribute: Attribute, scope: Scope): string {
  const { range } = attribute.expression;
  const made = convert(evaluate(attribute.expression, scope), STRING);
  if (!made.ok || made.value.kind !== "string") {
    throw new DefinitionError(range, "Invalid name", "The name of a target is a text.");
  }
  const { value } = made.value;
  if (TARGET_NAME.test(value)) return value;
  throw new DefinitionError(
    range,
    "Invalid name",
    `"${value}": only "[a-zA-Z0-9_-]+" are allowed.`,
  );
}

function checkName(block: Block): void {
  const { text: name, range } = labelOf(block);
  if (TARGET_NAME.test(name)) return;
  throw new DefinitionError(range, "Invalid name", `Only "[a-zA-Z0-9_-]+" are allowed.`);
}

/** @throws {InvalidArgumentError} Of a service that no target can be called after. */
export function checkTargetName(name: string): void {
  if (TARGET_NAME.test(name)) return;
  throw new InvalidArgumentError(
    `invalid service name "${name}": only "[a-zA-Z0-9_-]+" are allowed`,
  );
}
