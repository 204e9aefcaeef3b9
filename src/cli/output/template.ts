import { InvalidArgumentError, messageOf } from "#base/errors.ts";
import type { TemplateFunctions } from "#base/go-template/functions.ts";
import { GoTemplate } from "#base/go-template/template.ts";
import { HEADER_FUNCTIONS, TEXT_FUNCTIONS } from "#base/go-template/text-functions.ts";
import type { TemplateStruct } from "#base/go-template/values.ts";
import { ExitError, exitBadTemplate } from "#cli/command/exit-error.ts";
import { renderPlainTemplate, tryParsePlainTemplate } from "./plain-template.ts";

/** A compiled `--format` template. */
export type Render = (data: unknown) => string;

/** The template of a list: one use for its rows, one for the header of its table. */
export interface ListTemplate {
  readonly row: (row: TemplateStruct) => string;
  /** Functions that change text leave the headers as they are. */
  readonly header: (row: TemplateStruct) => string;
}

/**
 * Compiles the `--format` template of a list. `\t` and `\n` written as two characters become the
 * bytes they name, as in docker.
 *
 * @throws {InvalidArgumentError} In docker's words, also from the functions that it gives.
 */
export function compileListTemplate(text: string): ListTemplate {
  const source = text.replaceAll("\\t", "\t").replaceAll("\\n", "\n");
  const plain = tryParsePlainTemplate(source);
  let compiled: GoTemplate | undefined; // made when the first row needs it
  const template = (): GoTemplate => {
    compiled ??= failingAs("failed to parse template", () =>
      GoTemplate.parse(source, { functions: TEXT_FUNCTIONS }),
    );
    return compiled;
  };
  if (!plain) template();
  const failed = "failed to execute template";
  const render = (row: TemplateStruct, functions: TemplateFunctions): string =>
    (plain && renderPlainTemplate(plain, row)) ??
    failingAs(failed, () => template().executeWith(functions, row));
  return {
    row: (row) => render(row, TEXT_FUNCTIONS),
    header: (row) => render(row, HEADER_FUNCTIONS),
  };
}

function failingAs<Result>(what: string, act: () => Result): Result {
  try {
    return act();
  } catch (error) {
    throw new InvalidArgumentError(`${what}: ${messageOf(error)}`, { cause: error });
  }
}

/**
 * A renderer for the whole object: `json` keeps the order of its keys, a template sees it as a map.
 *
 * @throws {ExitError} See `compileObjectTemplate()`.
 */
export function compileWholeObject(format: string, name = ""): Render {
  const isJson = format === "json" || /^\{\{\s*json \.\s*\}\}$/.test(format);
  return isJson ? (data) => JSON.stringify(data) : compileObjectTemplate(format, name);
}

/**
 * Compiles the `--format` of a command that shows single objects: inspect, info, version, events.
 * `json` stands for the whole object.
 *
 * @param name Docker's name of the template, which its errors show.
 * @throws {ExitError} With exit code 64, in docker's words, when it does not parse.
 */
export function compileObjectTemplate(format: string, name = ""): Render {
  const text = format === "json" ? "{{json .}}" : format;
  try {
    const template = GoTemplate.parse(text, { name, functions: TEXT_FUNCTIONS });
    return (data) => template.execute(data, { missingKey: "error" });
  } catch (error) {
    throw new ExitError(`template parsing error: ${messageOf(error)}`, exitBadTemplate, {
      cause: error,
    });
  }
}
