import { InvalidArgumentError, messageOf } from "#base/errors.ts";
import type { Cli } from "#cli/cli.ts";
import { ExitError } from "#cli/command/exit-error.ts";
import { type Flag, stringFlag } from "#cli/command/flags.ts";
import { composeFile, composeRemarks } from "./compose-file.ts";
import { fetchRecreateFacts } from "./facts.ts";
import { remarksOf } from "./remarks.ts";
import { toRunLine } from "./run-line.ts";
import { planWish, type Wish } from "./wish.ts";

const shapes = ["compose", "run"] as const;

/** `--as` of `inspect` and `container inspect`. */
export const asFlag: Flag<string> = stringFlag(
  'Print what would make the container again: a command line ("run") or a Compose file ("compose")',
  { complete: shapes },
);

/** What a recreation is to be printed as. */
export type Shape = (typeof shapes)[number];

/**
 * The shape that the flags of `inspect` ask for.
 *
 * @throws {InvalidArgumentError} A shape that is not known, or flags that ask for the JSON.
 */
export function recreationOf(
  { as }: { readonly as: string },
  isSet: (flag: string) => boolean,
): Shape {
  for (const other of ["format", "size"]) {
    if (!isSet(other)) continue;
    throw new InvalidArgumentError(`conflicting options: cannot specify both --as and --${other}`);
  }
  const shape = shapes.find((one) => one === as);
  if (shape) return shape;
  throw new InvalidArgumentError(
    `invalid value ${JSON.stringify(as)} for --as: must be one of "compose" or "run"`,
  );
}

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
