import { nearestWord } from "#base/nearest.ts";
import { DefinitionError } from "#bake/hcl/source.ts";
import type { BlockSchema } from "#bake/hcl/parse-json.ts";
import type { Attribute, Block, Body } from "#bake/hcl/syntax.ts";

/** The blocks of a definition, and what is in them. */

const NOTHING: BlockSchema = new Map();

export const BLOCKS: BlockSchema = new Map([
  ["variable", { labels: 1, inner: new Map([["validation", { labels: 0, inner: NOTHING }]]) }],
  ["function", { labels: 1, inner: NOTHING }],
  ["target", { labels: 1, inner: NOTHING }],
  ["group", { labels: 1, inner: NOTHING }],
]);

/** The label of a block that has one. @throws {DefinitionError} It has none, or more. */
export function labelOf({ type, typeRange, labels }: Block): Block["labels"][number] {
  const [label, more] = labels;
  if (label && !more) return label;
  throw new DefinitionError(
    more?.range ?? typeRange,
    label ? `Extraneous label for ${type}` : `Missing name for ${type}`,
    `A ${type} has one label, its name.`,
  );
}

/** The arguments of a body by name. @throws {DefinitionError} One that there is not, with the nearest word. */
export function argumentsOf(
  { attributes, blocks }: Body,
  known: readonly string[],
  knownBlocks: readonly string[] = [],
): ReadonlyMap<string, Attribute> {
  for (const { type, typeRange } of blocks) {
    if (knownBlocks.includes(type)) continue;
    const near = nearestWord(type, known);
    const hint = known.includes(type)
      ? ` Did you mean to set argument "${type}"? Then use = before the brace.`
      : near === undefined
        ? ""
        : ` Did you mean "${near}"?`;
    throw new DefinitionError(
      typeRange,
      "Unsupported block type",
      `Blocks of type "${type}" are not expected here.${hint}`,
    );
  }
  for (const { name, nameRange } of attributes) {
    if (known.includes(name)) continue;
    const near = nearestWord(name, known);
    throw new DefinitionError(
      nameRange,
      "Unsupported argument",
      `An argument named "${name}" is not expected here.${near === undefined ? "" : ` Did you mean "${near}"?`}`,
    );
  }
  return new Map(attributes.map((attribute) => [attribute.name, attribute]));
}
