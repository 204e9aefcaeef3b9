/** Room below which wrapping beside the flag column makes no sense. */
const minTextColumns = 24;

/** Columns that a last line may be longer, so that no short word is left alone. */
const slopColumns = 5;

/**
 * Wraps text to `width` columns, each line but the first indented by `indent`; line breaks in the
 * text are kept. The same as pflag's `wrap`, so that help texts break where docker's do.
 */
export function wrapText(text: string, indent: number, width: number): string {
  let column = indent;
  let out = "";
  if (width - column < minTextColumns) {
    column = 16; // as a block below the flag
    out = `\n${" ".repeat(column)}`;
  }
  if (width - column < minTextColumns) return text.replaceAll("\n", out);
  const room = width - column - slopColumns;
  const lineStart = `\n${" ".repeat(column)}`;
  const lines: string[] = [];
  let rest = text;
  do {
    const [line, after] = takeLine(rest, room);
    lines.push(line.replaceAll("\n", lineStart));
    rest = after;
  } while (rest !== "");
  return out + lines.join(lineStart);
}

function takeLine(text: string, room: number): [string, string] {
  if (room + slopColumns > text.length) return [text, ""];
  const start = text.slice(0, room);
  const blank = Math.max(start.lastIndexOf(" "), start.lastIndexOf("\t"), start.lastIndexOf("\n"));
  if (blank <= 0) return [text, ""];
  const lineBreak = start.lastIndexOf("\n");
  const at = lineBreak > 0 && lineBreak < blank ? lineBreak : blank;
  return [text.slice(0, at), text.slice(at + 1)];
}
