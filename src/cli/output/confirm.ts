import type { Cli } from "#cli/cli.ts";

/**
 * Asks a yes-no question as docker does: only `y` or `Y` confirms; the end of the input does not.
 *
 * @param question Without the `[y/N]`.
 */
export async function confirm(cli: Cli, question: string): Promise<boolean> {
  cli.output.write(`${question} [y/N] `);
  let line = "";
  for await (const chunk of cli.input.chunks()) {
    line += new TextDecoder().decode(chunk);
    if (line.includes("\n")) break;
  }
  return line.split("\n")[0]?.trim().toLowerCase() === "y";
}
