import type { Cli } from "#cli/cli.ts";
import { TemplateStruct } from "#base/go-template/values.ts";
import { formatTabbed } from "#base/tables.ts";
import { compileListTemplate } from "./template.ts";

/** How one kind of object is listed. */
export interface ListFormat<Row> {
  /** Docker's name for a row in the errors of templates: `*formatter.ContainerContext`. */
  readonly goType: string;
  /** Columns of the default table, as a template: `{{.ID}}\t{{.Image}}`. */
  readonly table: string;
  /** Template for `--quiet`. */
  readonly quiet: string;
  /** Header of each field. */
  readonly headers: Readonly<Record<string, string>>;
  /** Key of the configuration file that replaces the default format: `psFormat`. */
  readonly configKey?: string;
  /** Template of `--format raw`, where there is one. */
  readonly raw?: string;
  /** The fields of one row; functions are called on use, with nothing (costly
   * fields) or with what the template says (`.Label "key"`). */
  fields(row: Row): Readonly<Record<string, unknown>>;
  /** What `json` prints of a row, where it is not the fields. */
  jsonFields?(row: Row): Readonly<Record<string, unknown>>;
}

/** What the flags of a list command say about its output. */
export interface ListFlags {
  readonly format: string;
  readonly quiet?: boolean;
}

/** The format in force: flag, then configuration (not with `--quiet`), then `table`. */
export function chooseFormat(
  cli: Cli,
  list: { readonly configKey?: string },
  flags: ListFlags,
): string {
  if (flags.format !== "") return flags.format;
  const configured = list.configKey === undefined ? undefined : cli.config.formats[list.configKey];
  return !flags.quiet && configured ? configured : "table";
}

/**
 * Prints rows in docker's formats: `table`, `table TEMPLATE`, `raw`, `json`, or a template a row.
 *
 * @param format As `chooseFormat()` gave it.
 * @throws {ExitError} When the template does not parse; nothing has been printed then.
 */
export function writeList<Row>(
  cli: Pick<Cli, "output">,
  list: ListFormat<Row>,
  rows: Iterable<Row>,
  format: string,
  quiet = false,
): void {
  const isQuietTable = quiet && format === "table";
  const isTable = format.startsWith("table") && !isQuietTable;
  const template = isQuietTable ? list.quiet : templateOf(list, format);
  const { row: renderRow, header: renderHeader } = compileListTemplate(template);
  const lines: string[] = [];
  if (isTable) lines.push(renderHeader(new TemplateStruct(list.goType, headerFields(list))));
  for (const row of rows) {
    const struct = new TemplateStruct(list.goType, list.fields(row), list.jsonFields?.(row));
    lines.push(renderRow(struct));
  }
  const text = lines.map((line) => `${line}\n`).join("");
  cli.output.write(isTable ? formatTabbed(text) : text);
}

function templateOf<Row>(list: ListFormat<Row>, format: string): string {
  if (format === "table") return list.table;
  if (format.startsWith("table")) return format.slice("table".length).trim();
  if (format === "raw") return list.raw ?? format;
  if (format === "json") return "{{json .}}";
  return format.trim();
}

/** Every field stands for its header; `{{.Label "a.b"}}` for the last part of the label's name. */
function headerFields<Row>(list: ListFormat<Row>): Readonly<Record<string, unknown>> {
  return {
    ...list.headers,
    Label: (name: string) => (name.split(".").at(-1) ?? name).replaceAll(/[-_]/g, " "),
  };
}
