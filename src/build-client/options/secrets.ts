import { InvalidArgumentError } from "#base/errors.ts";
import type { SecretPlace } from "#build-client/build-request.ts";
import { readFields } from "./fields.ts";

/** Where the client's side looks for what flags name. */
export interface ClientPlaces {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether there is a file of that path. */
  readonly hasFile: (path: string) => boolean;
}

const KEYS: ReadonlySet<string> = new Set(["type", "id", "src", "source", "env"]);

/**
 * Reads `--secret id=ID[,src=PATH|env=NAME]`. Without either the variable called `ID` is meant where there is one, else the
 * file of that name.
 *
 * @throws {InvalidArgumentError} In buildx's words.
 */
export function parseSecret(
  text: string,
  { env, hasFile }: ClientPlaces,
): readonly [id: string, place: SecretPlace] {
  const fields = readFields(text);
  for (const key of fields.keys()) {
    if (!KEYS.has(key)) throw new InvalidArgumentError(`unexpected key '${key}' in '${text}'`);
  }
  const type = fields.get("type") ?? "";
  if (!["", "file", "env"].includes(type)) {
    throw new InvalidArgumentError(`unsupported secret type ${JSON.stringify(type)}`);
  }
  const id = fields.get("id") ?? "";
  if (id === "") throw new InvalidArgumentError("secret must have an id");
  const source = fields.get("src") ?? fields.get("source") ?? "";
  const named = fields.get("env") ?? (type === "env" ? source : "");
  const isNameless = named === "" && (source === "" || type === "env");
  const variable = isNameless && env[id] !== undefined && type !== "file" ? id : named;
  if (variable !== "") return [id, { kind: "text", text: env[variable] ?? "" }];
  const path = source === "" ? id : source;
  if (hasFile(path)) return [id, { kind: "file", path }];
  throw new InvalidArgumentError(`failed to stat ${path}: stat ${path}: no such file or directory`);
}
