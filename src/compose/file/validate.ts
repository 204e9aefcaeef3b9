import { type OutputUnit, type Schema, Validator } from "@cfworker/json-schema";
import { nearestWord } from "#base/nearest.ts";
import composeSpec from "./compose-spec.json" with { type: "json" };
import { composeError, type Positions } from "./positions.ts";
import { formatPath, isList, isMapping, type Tree, type TreePath, treeAt } from "./tree.ts";

const SCHEMA = composeSpec as Schema;
let validator: Validator | undefined;

/**
 * Holds one file's content to the Compose specification's schema.
 *
 * @throws {InvalidArgumentError} Of all that is wrong, what lies deepest: with its place and, for a key
 *   that nothing knows, the nearest one.
 */
export function validateFile(tree: Tree, positions: Positions): void {
  validator ??= new Validator(SCHEMA, "2020-12", false);
  const result = validator.validate(toPlain(tree));
  if (result.valid) return;
  const faults = result.errors
    .map((error) => toFault(error, tree))
    .filter((found) => found !== undefined)
    .toSorted((left, right) => right.rank - left.rank);
  const [fault] = faults;
  if (!fault) throw composeError({ what: "not what the Compose specification says" });
  const { path, wanted } = fault;
  const what = wanted ? typeFault(faults, fault, tree) : fault.what;
  throw composeError({ position: positions.find(tree, path), path, what });
}

/** Where several kinds of value would do, all are named. */
function typeFault(faults: readonly RankedFault[], fault: RankedFault, tree: Tree): string {
  const same = faults.filter(
    ({ rank, path }) => rank === fault.rank && formatPath(path) === formatPath(fault.path),
  );
  const wanted = [...new Set(same.flatMap((each) => each.wanted ?? []))];
  return `must be ${wanted.join(" or ")}, not ${kindOf(treeAt(tree, fault.path))}`;
}

interface RankedFault {
  readonly path: TreePath;
  readonly what: string;
  /** Kinds of value, where that is what is wrong. */
  readonly wanted?: readonly string[];
  /** The deeper the better; of one depth, what says most. */
  readonly rank: number;
}

/** Keywords that only repeat what a keyword below them says are left out. */
const WEIGHT: Readonly<Record<string, number>> = {
  additionalProperties: 5,
  required: 4,
  enum: 3,
  pattern: 3,
  format: 3,
  minimum: 3,
  maximum: 3,
  uniqueItems: 3,
  type: 2,
};

function toFault(error: OutputUnit, tree: Tree): RankedFault | undefined {
  const weight = WEIGHT[error.keyword];
  if (weight === undefined) return undefined;
  const path = parsePointer(error.instanceLocation, tree);
  const schema = schemaAt(error.keywordLocation);
  // a schema that wants another kind of value does not tell what is wrong inside this one
  const rank = path.length * 10 + weight;
  switch (error.keyword) {
    case "additionalProperties": {
      const key = /^Property "(.*)" does not match/s.exec(error.error)?.[1];
      if (key === undefined) return undefined;
      const known = Object.keys(schema?.properties ?? {});
      const isName = known.length === 0 && schema?.patternProperties !== undefined;
      const what = isName
        ? "not a name: want letters, digits, dots, underscores and hyphens"
        : unknownKey(known, key);
      return { path: [...path, key], what, rank };
    }
    case "required": {
      const key = /required property "(.*)"/.exec(error.error)?.[1] ?? "a key";
      return { path, what: `${key} is missing`, rank };
    }
    case "type":
      return { path, what: "", wanted: wantedTypes(schema), rank };
    case "enum":
      return { path, what: `must be one of ${(schema?.enum ?? []).join(", ")}`, rank };
    case "uniqueItems":
      return { path, what: "names something twice", rank };
    default:
      return { path, what: lowerFirst(error.error), rank };
  }
}

function unknownKey(known: readonly string[], key: string): string {
  const near = nearestWord(key, known);
  return near === undefined
    ? `unknown key; known are ${known.toSorted().slice(0, 12).join(", ")}${known.length > 12 ? ", …" : ""}`
    : `unknown key; did you mean ${near}?`;
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  array: "a list",
  boolean: "true or false",
  integer: "a whole number",
  null: "empty",
  number: "a number",
  object: "a mapping",
  string: "a string",
};

function wantedTypes(schema: Schema | undefined): readonly string[] {
  return [schema?.type ?? []]
    .flat()
    .filter((type) => type !== "null")
    .map((type) => TYPE_NAMES[type] ?? type);
}

function kindOf(value: Tree | undefined): string {
  if (value === null || value === undefined) return "empty";
  if (isMapping(value)) return "a mapping";
  if (isList(value)) return "a list";
  return typeof value === "string" ? `the string ${JSON.stringify(value)}` : String(value);
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1).replace(/\.$/, "");
}

/** `#/services/web/ports/0`, told apart from keys that are digits by what the tree has there. */
function parsePointer(pointer: string, tree: Tree): TreePath {
  const parts = pointer.split("/").slice(1).map(decodePointer);
  const path: (string | number)[] = [];
  let inner: Tree | undefined = tree;
  for (const part of parts) {
    const key = isList(inner) ? Number(part) : part;
    path.push(key);
    inner = treeAt(inner, [key]);
  }
  return path;
}

function decodePointer(part: string): string {
  return decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~");
}

/** Follows `#/definitions/service/properties/…`, through `$ref` where the path does. */
function schemaAt(keywordLocation: string): Schema | undefined {
  let found: unknown = SCHEMA;
  const parts = keywordLocation.split("/").slice(1, -1).map(decodePointer);
  for (const part of parts) {
    found = resolveRef(found);
    if (part === "$ref") continue;
    if (typeof found !== "object" || found === null) return undefined;
    found = Reflect.get(found, part);
  }
  found = resolveRef(found);
  return typeof found === "object" && found !== null ? found : undefined;
}

function resolveRef(schema: unknown): unknown {
  let found = schema;
  while (typeof found === "object" && found !== null && "$ref" in found) {
    const target: unknown = found.$ref;
    if (typeof target !== "string") return found;
    found = target
      .split("/")
      .slice(1)
      .reduce<unknown>(
        (inner, part) =>
          typeof inner === "object" && inner !== null ? Reflect.get(inner, part) : undefined,
        SCHEMA,
      );
  }
  return found;
}

/** Keys that JavaScript would take for its own stay data. */
function toPlain(tree: Tree): unknown {
  if (isMapping(tree)) {
    const plain: Record<string, unknown> = {};
    for (const [key, value] of tree) {
      Object.defineProperty(plain, key, {
        value: toPlain(value),
        enumerable: true,
        configurable: true,
        writable: true,
      });
    }
    return plain;
  }
  return isList(tree) ? tree.map(toPlain) : tree;
}
