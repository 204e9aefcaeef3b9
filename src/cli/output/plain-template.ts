import type { TemplateStruct } from "#base/go-template/values.ts";
import { formatValue, resolveField } from "#base/go-template/values.ts";

/** Text at even indexes, names of fields at odd ones. */
export type PlainTemplate = readonly string[];

/**
 * Reads a template that only names fields, as the default ones of lists do: `{{.ID}}\t{{.Image}}`.
 * Spares the template engine, 2 ms of the 8 that `wharf ps` computes.
 *
 * @returns Undefined for every other template.
 */
export function tryParsePlainTemplate(text: string): PlainTemplate | undefined {
  const parts = text.split(/\{\{ ?\.([A-Za-z]\w*) ?\}\}/);
  return parts.some((part, index) => index % 2 === 0 && part.includes("{{")) ? undefined : parts;
}

/** @returns Undefined when the row lacks a field: the engine knows how to say so. */
export function renderPlainTemplate(
  template: PlainTemplate,
  row: TemplateStruct,
): string | undefined {
  let text = "";
  for (const [index, part] of template.entries()) {
    if (index % 2 === 0) {
      text += part;
      continue;
    }
    if (!Object.hasOwn(row.fields, part)) return undefined;
    const value = row.fields[part];
    if (typeof value === "function" && value.length > 0) return undefined;
    const shown = resolveField(value);
    if (shown === null || shown === undefined) return undefined;
    text += typeof shown === "string" ? shown : formatValue(shown);
  }
  return text;
}
