/** The words of JSON Schema that the Compose specification uses. */
interface Schema {
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, Schema>>;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly patternProperties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
  readonly uniqueItems?: boolean;
  readonly oneOf?: readonly Schema[];
}

/** Lists what of a value a schema does not allow, each with its path. */
export function schemaProblems(root: unknown, value: unknown): readonly string[] {
  const schema = root as Schema; // a file of the test's
  return problems(schema, schema, value, "");
}

function typeOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}

function problems(root: Schema, schema: Schema, value: unknown, path: string): readonly string[] {
  if (schema.$ref !== undefined) {
    const name = schema.$ref.replace("#/$defs/", "");
    return problems(root, root.$defs?.[name] ?? { enum: [] }, value, path);
  }
  const found: string[] = [];
  const type = typeOf(value);
  const types = schema.type === undefined ? undefined : [schema.type].flat();
  const isInteger = type === "number" && Number.isInteger(value);
  if (types && !types.includes(type) && !(isInteger && types.includes("integer"))) {
    found.push(`${path}: ${type} is not ${types.join(" or ")}`);
  }
  if (schema.enum && !schema.enum.includes(value)) found.push(`${path}: not one of its words`);
  if (typeof value === "string" && schema.pattern && !new RegExp(schema.pattern).test(value)) {
    found.push(`${path}: ${value} does not match ${schema.pattern}`);
  }
  if (
    typeof value === "number" &&
    (value < (schema.minimum ?? value) || value > (schema.maximum ?? value))
  ) {
    found.push(`${path}: ${value} is out of range`);
  }
  if (schema.oneOf) {
    const each = schema.oneOf.map((one) => problems(root, one, value, path));
    if (!each.some((one) => one.length === 0)) found.push(...each.flat());
  }
  if (Array.isArray(value)) {
    const { items } = schema;
    if (
      schema.uniqueItems &&
      new Set(value.map((one) => JSON.stringify(one))).size < value.length
    ) {
      found.push(`${path}: an element stands twice`);
    }
    if (items)
      found.push(...value.flatMap((one, at) => problems(root, items, one, `${path}[${at}]`)));
  } else if (typeof value === "object" && value !== null) {
    found.push(...objectProblems(root, schema, value, path));
  }
  return found;
}

function objectProblems(
  root: Schema,
  schema: Schema,
  value: object,
  path: string,
): readonly string[] {
  const missing = (schema.required ?? []).filter((key) => !(key in value));
  return [
    ...missing.map((key) => `${path}: ${key} is missing`),
    ...Object.entries(value).flatMap(([key, one]) => {
      const below = `${path}.${key}`;
      const patterns = Object.entries(schema.patternProperties ?? {});
      const known =
        schema.properties?.[key] ?? patterns.find(([p]) => new RegExp(p).test(key))?.[1];
      if (known) return problems(root, known, one, below);
      if (schema.additionalProperties === false) return [`${below}: unknown`];
      return typeof schema.additionalProperties === "object"
        ? problems(root, schema.additionalProperties, one, below)
        : [];
    }),
  ];
}
