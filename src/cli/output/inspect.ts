import { messageOf } from "#base/errors.ts";
import type { Cli } from "#cli/cli.ts";
import { ExitError } from "#cli/command/exit-error.ts";
import { compactJson, indentJson } from "./indent-json.ts";
import { compileObjectTemplate } from "./template.ts";
import { Failures } from "./failures.ts";
import { typedView } from "./typed-view.ts";

/**
 * Prints objects as docker's inspect does: an array of the engine's own JSON, the same on one line
 * for `json`, or a template's text a line an object. What cannot be found is reported after the
 * rest has been printed.
 *
 * @param format The `--format` flag.
 * @param fetch Gives one object's JSON text as the engine sent it.
 * @throws {ExitError} The failures, one a line; exit code 64 for a template that does not parse.
 */
export async function inspectObjects(
  cli: Cli,
  names: readonly string[],
  format: string,
  fetch: (name: string) => Promise<string>,
): Promise<number> {
  const isJson = format === "" || format === "json";
  const render = isJson ? undefined : compileObjectTemplate(format);
  const shown: string[] = [];
  const failures = new Failures();
  for (const name of names) {
    try {
      const json = await fetch(name);
      shown.push(render ? renderObject(render, json) : json.trim());
    } catch (error) {
      failures.add(error);
    }
  }
  if (render) cli.output.write(shown.length > 0 ? shown.map((line) => `${line}\n`).join("") : "\n");
  else cli.output.write(arrayText(shown, format === "json"));
  failures.throwIfAny();
  return 0;
}

/** On the JSON as it is, and again with what Go's types add to it; the first failure is docker's. */
function renderObject(render: (data: unknown) => string, json: string): string {
  const object: unknown = JSON.parse(json);
  try {
    return render(object);
  } catch (error) {
    try {
      return render(typedView(object));
    } catch {
      throw new ExitError(`template parsing error: ${messageOf(error)}`, 1, { cause: error });
    }
  }
}

function arrayText(objects: readonly string[], isCompact: boolean): string {
  if (objects.length === 0) return "[]\n";
  if (isCompact) return `[${objects.map(compactJson).join(",")}]\n`;
  return `[\n${objects.map((one) => `    ${indentJson(one, "    ", "    ")}`).join(",\n")}\n]\n`;
}
