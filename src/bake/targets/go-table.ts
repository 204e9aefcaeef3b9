const TAB_WIDTH = 8;

/** Columns that are filled up with tabs, as Go's tabwriter does with a padding of one; lines end with a newline. */
export function formatGoTable(rows: readonly (readonly string[])[]): string {
  const columns = Math.max(0, ...rows.map((row) => row.length - 1));
  const widths = Array.from({ length: columns }, (_, column) => {
    const widest = Math.max(...rows.map((row) => Array.from(row[column] ?? "").length)) + 1;
    return Math.ceil(widest / TAB_WIDTH) * TAB_WIDTH;
  });
  return rows
    .map((row) => {
      const cells = row.map((cell, column) => {
        const width = widths[column];
        if (width === undefined) return cell;
        return `${cell}${"\t".repeat(Math.ceil((width - Array.from(cell).length) / TAB_WIDTH))}`;
      });
      return `${cells.join("")}\n`;
    })
    .join("");
}
