// a program's own colours and movements would break the block
const CONTROL_SEQUENCE =
  /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[@-_])/g;
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/g;

/** Text as one line that moves nothing on a terminal. What stands before a carriage return is overwritten. */
export function plainLine(text: string): string {
  const last = text.replace(/\r+$/, "").split("\r").at(-1) ?? "";
  return last.replace(CONTROL_SEQUENCE, "").replaceAll("\t", "  ").replace(CONTROL, "");
}

/** Cells that text takes on a terminal. */
export function widthOf(text: string): number {
  return Bun.stringWidth(text);
}

/** As much of the text as fits, with an ellipsis where something is left out. */
export function fit(text: string, columns: number): string {
  if (columns <= 0) return "";
  if (widthOf(text) <= columns) return text;
  let width = 0;
  let kept = "";
  for (const character of text) {
    const cells = widthOf(character);
    if (width + cells > columns - 1) break;
    kept += character;
    width += cells;
  }
  return `${kept}…`;
}
