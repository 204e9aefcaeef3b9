import { DockerfileError, type SourceRange } from "#builder/language/dockerfile-error.ts";
import {
  expandToWords,
  expandWord,
  ExpansionError,
  type ExpandOptions,
  type Variables,
} from "#builder/language/expand.ts";

/** Replaces variables in the words of one instruction, and says where a word is that cannot be. */
export class WordExpander {
  readonly #options: ExpandOptions;
  readonly #range: SourceRange;

  constructor(given: {
    readonly variables: Variables;
    readonly escape: "\\" | "`";
    readonly range: SourceRange;
    /** Told of each variable that there is not. */
    readonly onUnset?: (name: string) => void;
  }) {
    const { variables, escape, range, onUnset } = given;
    this.#options = {
      variables,
      escape,
      ...(onUnset ? { onName: (name, isSet) => (isSet ? undefined : onUnset(name)) } : {}),
    };
    this.#range = range;
  }

  /** @throws {DockerfileError} */
  word(text: string): string {
    return this.#explained(text, () => expandWord(text, this.#options));
  }

  /** Where one variable may give several words. @throws {DockerfileError} */
  words(text: string): readonly string[] {
    return this.#explained(text, () => expandToWords(text, this.#options));
  }

  /** The body of a heredoc, whose quotes are ordinary characters. @throws {DockerfileError} */
  body(text: string): string {
    const options = { ...this.#options, skipsQuotes: true };
    return this.#explained(text, () => expandWord(text, options));
  }

  #explained<Result>(text: string, expand: () => Result): Result {
    try {
      return expand();
    } catch (error) {
      if (!(error instanceof ExpansionError || error instanceof RangeError)) throw error;
      const shown = JSON.stringify(text.slice(0, 200));
      const reason = `failed to process ${shown}: ${error.message}`;
      throw new DockerfileError(reason, this.#range, { cause: error, isParse: false });
    }
  }
}
