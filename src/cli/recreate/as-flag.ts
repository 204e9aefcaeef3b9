import { InvalidArgumentError } from "#base/errors.ts";
import { type Flag, stringFlag } from "#cli/command/flags.ts";

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
