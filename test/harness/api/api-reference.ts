import { readFileSync } from "node:fs";

export type Yaml = { readonly [key: string]: unknown };

export interface Parameter {
  readonly name: string;
  readonly in: "query" | "path" | "body" | "header";
  /** JSON schema of a body; of another parameter the parameter itself, which has a `type`. */
  readonly schema: Yaml;
}

/** One operation of Docker's API reference. */
export interface Operation {
  readonly method: string;
  /** As in the reference: `/containers/{id}/json`. */
  readonly path: string;
  readonly parameters: readonly Parameter[];
}

/** Docker's API as `test/reference/engine-api.yaml` has it. */
export interface ApiReference {
  readonly operations: readonly Operation[];
  /** Schemas by the name that `$ref: "#/definitions/NAME"` has. */
  readonly definitions: Yaml;
}

const METHODS = ["get", "head", "post", "put", "delete"];

export function asObject(value: unknown): Yaml {
  return typeof value === "object" && value !== null ? (value as Yaml) : {};
}

export function readApiReference(): ApiReference {
  const reference = asObject(
    Bun.YAML.parse(readFileSync("test/reference/engine-api.yaml", "utf8")),
  );
  const operations = Object.entries(asObject(reference["paths"])).flatMap(([path, item]) =>
    Object.entries(asObject(item))
      .filter(([method]) => METHODS.includes(method))
      .map(([method, operation]) => ({
        method: method.toUpperCase(),
        path,
        parameters: readParameters(asObject(operation)["parameters"]),
      })),
  );
  return { operations, definitions: asObject(reference["definitions"]) };
}

function readParameters(list: unknown): readonly Parameter[] {
  if (!Array.isArray(list)) return [];
  return list.map(asObject).map((one) => ({
    name: String(one["name"]),
    in: String(one["in"]) as Parameter["in"],
    schema: "schema" in one ? asObject(one["schema"]) : one,
  }));
}

/** A path of the reference with values for its parts: `/images/{name}/json` and `a/b`. */
export function fillPath(path: string, value: string): string {
  return path.replaceAll(/\{\w+\}/g, value);
}
