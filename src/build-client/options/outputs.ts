import { InvalidArgumentError, UnsupportedError } from "#base/errors.ts";
import { readFields, withoutFields } from "./fields.ts";

/** An output as the user wants it. */
export interface OutputWish {
  /** `image`, `docker`, `oci`, `local`, `tar`, `moby`, …; `registry` is an image that is pushed. */
  readonly type: string;
  readonly attributes: ReadonlyMap<string, string>;
  /** Path on the client's side, `-` for standard output; undefined where none is named. */
  readonly destination: string | undefined;
}

/** Exporters that write to the client's disk. */
const ARCHIVES: ReadonlySet<string> = new Set(["tar", "oci", "docker"]);

/**
 * Reads `--output type=TYPE,dest=PATH,…`, or a path alone.
 *
 * @throws {InvalidArgumentError} In buildx's words.
 */
export function parseOutput(text: string): OutputWish {
  if (!text.includes("=") && !text.includes(",")) {
    if (text === "-") return { type: "tar", attributes: new Map(), destination: "-" };
    return checkedOutput({ type: "local", attributes: new Map(), destination: text });
  }
  const fields = readFields(text);
  const type = fields.get("type") ?? "";
  if (type === "") throw new InvalidArgumentError("type is required for output");
  const attributes = withoutFields(fields, "type", "dest");
  return checkedOutput({ type, attributes, destination: fields.get("dest") });
}

/** Holds an output to what its type needs; `registry` becomes an image that is pushed. */
export function checkedOutput(wish: OutputWish): OutputWish {
  const { type, attributes, destination } = wish;
  if (type === "registry") {
    const push = new Map([["push", "true"], ...attributes]);
    return checkedOutput({ type: "image", attributes: push, destination });
  }
  if (type === "local" && !destination) {
    throw new InvalidArgumentError("dest is required for local exporter");
  }
  if (type === "local" && destination === "-") {
    throw new InvalidArgumentError("dest cannot be stdout for local exporter");
  }
  if (!ARCHIVES.has(type) && type !== "local" && destination) {
    throw new InvalidArgumentError(`dest is not supported for ${type} exporter`);
  }
  if (ARCHIVES.has(type) && attributes.get("tar") === "false") {
    throw new UnsupportedError(`Cannot write ${type} to a folder: leave tar=false out`);
  }
  return wish;
}

/** Whether the output ends in an image by name. */
export function isImageOutput({ type }: OutputWish): boolean {
  return ["image", "moby", "docker", "oci"].includes(type);
}

/** `--push` and `--load` beside `--output`. */
export function withShorthands(
  outputs: readonly OutputWish[],
  { pushes, loads }: { readonly pushes: boolean; readonly loads: boolean },
): readonly OutputWish[] {
  const found = [...outputs];
  if (pushes) {
    const index = found.findIndex(({ type }) => type === "image");
    const before = found[index] ?? {
      type: "image",
      attributes: new Map<string, string>(),
      destination: undefined,
    };
    const pushed = { ...before, attributes: new Map([...before.attributes, ["push", "true"]]) };
    if (index < 0) found.push(pushed);
    else found[index] = pushed;
  }
  const isLoaded = found.some(({ type, destination }) => type === "docker" && !destination);
  if (loads && !isLoaded) {
    found.push({ type: "docker", attributes: new Map(), destination: undefined });
  }
  return found;
}
