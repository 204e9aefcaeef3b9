/** Columns as Go's `text/tabwriter` lays them out with Docker's settings. */

export interface TableLayout {
  /** Narrowest column, padding included. */
  readonly minCellWidth?: number;
  /** Blanks between a cell and the next column. */
  readonly padding?: number;
}

/**
 * Lays out lines whose cells are split by tabs. A column is a run of neighbouring lines that have
 * a cell there followed by a tab, so a line without tabs starts new columns, as in Go. The text
 * after a line's last tab belongs to no column and is not padded.
 *
 * @returns Each line with its end.
 */
export function formatTabbed(text: string, layout: TableLayout = {}): string {
  const minimum = layout.minCellWidth ?? 10;
  const padding = layout.padding ?? 3;
  const isEnded = text.endsWith("\n");
  const lines = (isEnded ? text.slice(0, -1) : text).split("\n").map((line) => line.split("\t"));
  const out = lines.map(() => "");
  layOut(lines, out, 0, 0, lines.length, { minimum, padding });
  return out.join("\n") + (isEnded ? "\n" : "");
}

interface Widths {
  readonly minimum: number;
  readonly padding: number;
}

function layOut(
  lines: readonly (readonly string[])[],
  out: string[],
  column: number,
  from: number,
  to: number,
  widths: Widths,
): void {
  let at = from;
  while (at < to) {
    const cells = lines[at] ?? [];
    // the last cell of a line ends its columns
    if (column >= cells.length - 1) {
      out[at] += cells[column] ?? "";
      at++;
      continue;
    }
    let end = at;
    let width = widths.minimum;
    while (end < to && column < (lines[end]?.length ?? 0) - 1) {
      width = Math.max(width, charactersOf(lines[end]?.[column] ?? "") + widths.padding);
      end++;
    }
    // a column that is empty all the way down takes no room (tabwriter.DiscardEmptyColumns is off in
    // Docker, so only its minimum)
    for (let row = at; row < end; row++) {
      const cell = lines[row]?.[column] ?? "";
      out[row] += cell + " ".repeat(width - charactersOf(cell));
    }
    layOut(lines, out, column + 1, at, end, widths);
    at = end;
  }
}

function charactersOf(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

/** A table with one header line; an empty `rows` leaves the header alone. */
export function formatTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  layout: TableLayout = {},
): string {
  const clean = (cell: string): string => cell.replace(/[\t\n\r]/g, " ");
  const lines = [header, ...rows].map((cells) => cells.map(clean).join("\t"));
  return formatTabbed(`${lines.join("\n")}\n`, layout);
}

/** Columns that a character takes on a terminal: 2 for East Asian wide ones and emoji. */
function displayWidth(character: string): number {
  return /[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1f64f}\u{1f900}-\u{1f9ff}\u{20000}-\u{3fffd}]/u.test(
    character,
  )
    ? 2
    : 1;
}

/** Cuts text to `columns`, the last of which is `…` where something was cut. */
export function ellipsize(text: string, columns: number): string {
  let total = 0;
  for (const character of text) total += displayWidth(character);
  if (total <= columns) return text;
  if (columns <= 0) return "";
  let kept = "";
  let used = 0;
  for (const character of text) {
    const width = displayWidth(character);
    if (used + width > columns - 1) break;
    kept += character;
    used += width;
  }
  return `${kept}…`;
}

/** Natural order: `a2` before `a10`. */
export function compareNaturally(left: string, right: string): number {
  const chunks = (text: string): readonly string[] => text.match(/\d+|\D+/g) ?? [];
  const rights = chunks(right);
  let index = 0;
  for (const chunk of chunks(left)) {
    const other = rights[index++];
    if (other === undefined) return 1;
    if (chunk === other) continue;
    if (/^\d/.test(chunk) && /^\d/.test(other)) {
      const difference = Number(chunk) - Number(other);
      if (difference !== 0) return difference;
      if (chunk.length !== other.length) return chunk.length - other.length;
    }
    return chunk < other ? -1 : 1;
  }
  return index < rights.length ? -1 : 0;
}
