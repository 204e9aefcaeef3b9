/** @returns How many words are in a text. */
export function countWords(text) {
  return text.split(/\s+/).filter((word) => word !== "").length;
}
