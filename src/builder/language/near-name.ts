import { editDistance } from "#base/nearest.ts";

const MOST_EDITS = 2;

/** The name that one letter or two away may have been meant, in BuildKit's form: ` (did you mean $PATH?)`. */
export function nearName(name: string, known: Iterable<string>, sigil: "$" | "" = ""): string {
  let nearest: { readonly name: string; readonly edits: number } | undefined;
  for (const candidate of known) {
    const edits = editDistance(name, candidate, MOST_EDITS);
    if (edits <= MOST_EDITS && (!nearest || edits < nearest.edits)) {
      nearest = { name: candidate, edits };
    }
  }
  return nearest ? ` (did you mean ${sigil}${nearest.name}?)` : "";
}
