import type { Environment } from "#cli/command/globals.ts";
import type { Output } from "./streams.ts";

export type Style = "bold" | "dim" | "red" | "green" | "yellow" | "blue" | "cyan";

const codes: Readonly<Record<Style, number>> = {
  bold: 1,
  dim: 2,
  red: 31,
  green: 32,
  yellow: 33,
  blue: 34,
  cyan: 36,
};

/**
 * A function that colours text where `output` is a terminal, and leaves it alone elsewhere.
 *
 * @see https://no-color.org: a `NO_COLOR` that is not empty turns colours off.
 */
export function colorizer(
  output: Output,
  env: Environment,
): (style: Style, text: string) => string {
  const isOn = output.isTerminal && !env["NO_COLOR"] && env["TERM"] !== "dumb";
  return (style, text) => (isOn ? `\x1b[${codes[style]}m${text}\x1b[0m` : text);
}
