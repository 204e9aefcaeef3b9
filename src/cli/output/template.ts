import { InvalidArgumentError, messageOf } from "#base/errors.ts";
import { type Template, parseTemplate } from "#base/go-template/template.ts";
import { ExitError, exitBadTemplate } from "#cli/exit-error.ts";

/** A compiled `--format` template. */
export type Render = (data: unknown) => string;

/**
 * Compiles the `--format` template of a list. `\t` and `\n` written as two characters become the
 * bytes they name, as in docker.
 *
 * @throws {InvalidArgumentError} In docker's words, also from the function that is returned.
 */
export function compileListTemplate(text: string): Render {
  return compileRow(text, {});
}

/** The same template for a table's header row: functions that change text leave headers alone. */
export function compileHeader(text: string): Render {
  return compileRow(text, {
    json: unchanged,
    split: unchanged,
    join: unchanged,
    title: unchanged,
    lower: unchanged,
    upper: unchanged,
    truncate: unchanged,
  });
}

const unchanged = (header: unknown): unknown => header;

function compileRow(text: string, functions: Readonly<Record<string, typeof unchanged>>): Render {
  const source = text.replaceAll("\\t", "\t").replaceAll("\\n", "\n");
  const failed = (what: string, error: unknown): InvalidArgumentError =>
    new InvalidArgumentError(`failed to ${what} template: ${messageOf(error)}`, { cause: error });
  let template: Template;
  try {
    template = parseTemplate(source, functions);
  } catch (error) {
    throw failed("parse", error);
  }
  return (data) => {
    try {
      return template.execute(data);
    } catch (error) {
      throw failed("execute", error);
    }
  };
}

/**
 * Compiles the `--format` of a command that shows single objects: inspect, info, version, events.
 * `json` stands for the whole object.
 *
 * @throws {ExitError} With exit code 64, in docker's words, when it does not parse.
 */
export function compileObjectTemplate(format: string): Render {
  const text = format === "json" ? "{{json .}}" : format;
  try {
    const template = parseTemplate(text);
    return (data) => template.execute(data);
  } catch (error) {
    throw new ExitError(`template parsing error: ${messageOf(error)}`, exitBadTemplate, {
      cause: error,
    });
  }
}
