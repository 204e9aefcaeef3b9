import { InvalidArgumentError } from "#base/errors.ts";
import type { Cli } from "#cli/cli.ts";

const MAX_BYTES = 4096;

/**
 * A password or key from stdin, up to the end of its first line.
 *
 * @throws {InvalidArgumentError} There is none.
 */
export async function readSecret(cli: Cli): Promise<string> {
  if (cli.input.isTerminal) cli.errors.write("Password (it is shown as you type): ");
  let text = "";
  for await (const chunk of cli.input.chunks()) {
    text += new TextDecoder().decode(chunk);
    if (text.includes("\n") || text.length > MAX_BYTES) break;
  }
  const [line = ""] = text.split(/\r?\n/, 1);
  if (line === "") throw new InvalidArgumentError("Cannot read the secret: stdin is empty");
  return line;
}
