import { executeTemplate, type ExecuteOptions } from "./executor.ts";
import { BUILTIN_FUNCTIONS, type TemplateFunctions } from "./functions.ts";
import { parseTrees, type Trees } from "./parser.ts";
import type { GoValue } from "./values.ts";

/**
 * A Go `text/template`: the language of `--format`. It covers all of the language (pipelines,
 * variables, branches, loops, definitions, trim markers, comments) and words its errors like Go.
 */
export class GoTemplate {
  readonly #name: string;
  readonly #text: string;
  readonly #trees: Trees;
  readonly #functions: TemplateFunctions;

  private constructor(name: string, text: string, trees: Trees, functions: TemplateFunctions) {
    this.#name = name;
    this.#text = text;
    this.#trees = trees;
    this.#functions = functions;
  }

  /**
   * @param options.name Shown in errors; Docker's is empty.
   * @param options.functions Besides Go's own, and before them.
   * @throws {InvalidArgumentError} `template: NAME:LINE: …`
   */
  static parse(
    text: string,
    options: { readonly name?: string; readonly functions?: TemplateFunctions } = {},
  ): GoTemplate {
    const name = options.name ?? "";
    const functions = { ...BUILTIN_FUNCTIONS, ...options.functions };
    const trees = parseTrees(name, text, (word) => Object.hasOwn(functions, word));
    return new GoTemplate(name, text, trees, functions);
  }

  /** @throws {InvalidArgumentError} `template: NAME:LINE:COLUMN: executing …` */
  execute(data: GoValue, options: ExecuteOptions = {}): string {
    return this.executeWith(this.#functions, data, options);
  }

  /** Runs with other functions of the same names: the header row of a table. */
  executeWith(functions: TemplateFunctions, data: GoValue, options: ExecuteOptions = {}): string {
    const program = {
      name: this.#name,
      text: this.#text,
      trees: this.#trees,
      functions: { ...this.#functions, ...functions },
    };
    return executeTemplate(program, data, options);
  }
}
