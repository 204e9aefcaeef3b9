import { readFileSync } from "node:fs";
import { DefinitionError, excerptOf } from "#bake/hcl/source.ts";
import { listTargets, listVariables } from "#bake/targets/lists.ts";
import { printTargets } from "#bake/targets/print.ts";
import { InvalidArgumentError } from "#base/errors.ts";
import { bakeFlags, parseList } from "./bake/flags.ts";
import { type BakeRequest, openDefinition, planTargets } from "./bake/plan.ts";
import type { Cli } from "./cli.ts";
import { atLeast, type Command, defineCommand } from "./command.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS] [TARGET...]",
  args: atLeast(0),
  flags: bakeFlags,
  async run(cli, { flags, args, isSet }) {
    if (flags.print && flags.list !== "") {
      throw new InvalidArgumentError("--print and --list are mutually exclusive");
    }
    return await tellingPlaces(cli, async () => {
      const request: BakeRequest = {
        flags,
        isSet,
        names: args,
        env: cli.env,
        directory: process.cwd(),
        readStandardInput: () => readFileSync(0, "utf8"),
        warn: (message) => cli.errors.write(`WARNING: ${message}\n`),
      };
      const definition = openDefinition(request);
      if (flags.list !== "") {
        const { type, format } = parseList(flags.list);
        const list = type === "targets" ? listTargets : listVariables;
        cli.output.write(list(definition, format));
        return 0;
      }
      const resolved = planTargets(definition, request);
      if (flags.print) {
        cli.output.write(printTargets(resolved));
        return 0;
      }
      return 0;
    });
  },
});

/** The lines around a fault are shown before the message. */
async function tellingPlaces(cli: Cli, work: () => Promise<number>): Promise<number> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof DefinitionError) cli.errors.write(`${excerptOf(error.range)}\n`);
    throw error;
  }
}
