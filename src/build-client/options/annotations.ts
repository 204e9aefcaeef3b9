import { InvalidArgumentError } from "#base/errors.ts";

const TYPES: ReadonlySet<string> = new Set([
  "manifest",
  "index",
  "manifest-descriptor",
  "index-descriptor",
]);

/**
 * Reads `--annotation [TYPE[PLATFORM],…:]KEY=VALUE`.
 *
 * @returns Attributes of an exporter: `annotation.KEY`, `annotation-index.KEY`, `annotation-manifest[linux/amd64].KEY`.
 * @throws {InvalidArgumentError} In buildx's words.
 */
export function parseAnnotation(text: string): readonly (readonly [string, string])[] {
  const equals = text.indexOf("=");
  if (equals < 1) {
    throw new InvalidArgumentError(
      `parse annotations: invalid annotation ${JSON.stringify(text)}, expected key=value`,
    );
  }
  const [left, value] = [text.slice(0, equals), text.slice(equals + 1)];
  // a key may have colons of its own: types are letters, and platforms stand in brackets
  const [, types, key = ""] =
    /^(?:([a-z-]+(?:\[[^\]]*\])?(?:,[a-z-]+(?:\[[^\]]*\])?)*):)?(.*)$/.exec(left) ?? [
      "",
      undefined,
      left,
    ];
  if (types === undefined) return [[`annotation.${key}`, value]];
  return types.split(",").map((one) => {
    const [, type = "", platform = ""] = /^([a-z-]+)(\[[^\]]*\])?$/.exec(one) ?? [];
    if (!TYPES.has(type)) {
      throw new InvalidArgumentError(
        `parse annotations: unknown annotation type ${JSON.stringify(type)}`,
      );
    }
    return [`annotation-${type}${platform}.${key}`, value];
  });
}
