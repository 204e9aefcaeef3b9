import { messageOf } from "#base/errors.ts";
import type { Cli } from "#cli/cli.ts";
import { ExitError } from "#cli/command/exit-error.ts";
import type { Shape } from "./as-flag.ts";
import { composeFile, composeRemarks } from "./compose-file.ts";
import { fetchRecreateFacts } from "./facts.ts";
import { remarksOf } from "./remarks.ts";
import { toRunLine } from "./run-line.ts";
import { planWish, type Wish } from "./wish.ts";

/**
 * Prints what would make these containers again: a command line each, or one Compose file. What
 * neither can say is a remark on stderr.
 *
 * @throws {ExitError} The failures, one a line.
 */
export async function printRecreation(
  cli: Cli,
  names: readonly string[],
  as: Shape,
): Promise<number> {
  const engine = await cli.engine();
  const wishes: Wish[] = [];
  const failures: string[] = [];
  for (const name of names) {
    try {
      const facts = await fetchRecreateFacts(engine, name);
      if (!facts.image) {
        remark(cli, name, `its image is gone: what came from it is printed as the container's own`);
      }
      wishes.push(planWish(facts));
    } catch (error) {
      failures.push(messageOf(error));
    }
  }
  for (const wish of wishes) {
    if (as === "run") cli.output.write(`${toRunLine(wish)}\n`);
    const unsaid = [...remarksOf(wish), ...(as === "compose" ? composeRemarks(wish) : [])];
    for (const what of unsaid) remark(cli, wish.name, `--as ${as} cannot say ${what}`);
  }
  if (as === "compose" && wishes.length > 0) cli.output.write(composeFile(wishes));
  if (failures.length > 0) throw new ExitError(failures.join("\n"), 1);
  return 0;
}

function remark(cli: Cli, name: string, text: string): void {
  cli.errors.write(`WARNING: ${name}: ${text}\n`);
}
