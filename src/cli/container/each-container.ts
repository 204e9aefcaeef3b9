import type { Cli } from "#cli/cli.ts";
import { Failures } from "#cli/output/failures.ts";

/** As many at once as docker has under way. */
const PARALLEL = 50;

/**
 * Does one thing to each container, side by side, and prints what each gave in the order of the
 * arguments. A failure is kept until all are done.
 *
 * @param act Gives the line to print, usually the name as typed; undefined for none.
 * @throws What `Failures.throwIfAny` throws.
 */
export async function eachContainer(
  cli: Cli,
  names: readonly string[],
  act: (name: string) => Promise<string | undefined>,
): Promise<number> {
  const failures = new Failures();
  const outcomes: Promise<string | undefined>[] = [];
  const attempt = async (name: string): Promise<string | undefined> => {
    try {
      return await act(name);
    } catch (error) {
      failures.add(error);
      return undefined;
    }
  };
  for (const [index, name] of names.entries()) {
    const predecessor = outcomes[index - PARALLEL];
    outcomes.push(predecessor ? predecessor.then(() => attempt(name)) : attempt(name));
  }
  for (const outcome of outcomes) {
    const line = await outcome;
    if (line !== undefined) cli.output.write(`${line}\n`);
  }
  failures.throwIfAny();
  return 0;
}

/** `/containers/NAME` with the name made safe for a path. */
export function containerPath(name: string, action = ""): string {
  return `/containers/${encodeURIComponent(name)}${action}`;
}
