import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { InvalidArgumentError, messageOf } from "#base/errors.ts";
import type { Cli } from "#cli/cli.ts";
import { atLeast, type Command, defineCommand, type Invocation } from "#cli/command/command.ts";
import type { CreateValues } from "#cli/container/creation/create-flags.ts";
import { planFromCommandLine } from "#cli/container/creation/create-plan.ts";
import { command as runCommand } from "#cli/container/run.ts";
import { ExitError } from "#cli/command/exit-error.ts";
import { stringFlag } from "#cli/command/flags.ts";
import { parseFlags } from "#cli/command/parse-flags.ts";
import { composeRemarks } from "#cli/recreate/compose-file.ts";
import { fetchRecreateFacts } from "#cli/recreate/facts.ts";
import { factsOfRequest } from "#cli/recreate/from-request.ts";
import { remarksOf } from "#cli/recreate/remarks.ts";
import { planWish } from "#cli/recreate/wish.ts";
import { parseRunLines, type RunLine } from "./import/run-lines.ts";
import { type Imported, importedFile } from "./import/to-file.ts";
import { textFlag } from "./project/group-flags.ts";
import { dryRun } from "./project/flags.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS] [CONTAINER...]",
  args: atLeast(0),
  flags: {
    "dry-run": dryRun,
    "from-file": stringFlag(
      "Take the 'docker run' and 'docker create' lines of a file ('-' for standard input) instead of containers",
      { complete: "files" },
    ),
    output: stringFlag("Save to file (default to stdout)", { short: "o", complete: "files" }),
  },
  async run(cli, { flags, args, groupFlags }) {
    const source = flags["from-file"];
    if ((source === "") === (args.length === 0)) {
      throw new ExitError("name containers, or a file of 'docker run' lines with --from-file", 1);
    }
    const imported =
      source === "" ? await ofContainers(cli, args) : await ofLines(cli, readScript(source));
    for (const { wish } of imported) {
      for (const what of [...remarksOf(wish), ...composeRemarks(wish)]) {
        cli.errors.write(`WARNING: ${wish.name}: a Compose file cannot say ${what}\n`);
      }
    }
    const text = importedFile(imported, {
      projectName: textFlag(groupFlags, "project-name") ?? "",
      hasVolumes: source === "",
    });
    if (flags.output === "" || flags["dry-run"]) cli.output.write(text);
    else writeFileSync(resolve(flags.output), text);
    return 0;
  },
});

function readScript(source: string): string {
  return readFileSync(source === "-" ? 0 : resolve(source), "utf8");
}

async function ofContainers(cli: Cli, names: readonly string[]): Promise<readonly Imported[]> {
  const engine = await cli.engine();
  return await Promise.all(
    names.map(async (name): Promise<Imported> => {
      const facts = await fetchRecreateFacts(engine, name);
      if (!facts.image) {
        cli.errors.write(
          `WARNING: ${name}: its image is gone: what came from it is written as the container's own\n`,
        );
      }
      return { wish: planWish(facts), id: facts.container.Id ?? "", hasOwnName: true };
    }),
  );
}

async function ofLines(cli: Cli, script: string): Promise<readonly Imported[]> {
  const lines = parseRunLines(script);
  if (lines.length === 0) {
    throw new InvalidArgumentError("there is no 'docker run' or 'docker create' line");
  }
  const imported: Imported[] = [];
  for (const line of lines) {
    for (const text of line.unexpanded) {
      cli.errors.write(
        `WARNING: line ${line.line}: ${text} is taken as it stands: no shell has expanded it\n`,
      );
    }
    const taken = imported.map(({ wish }) => wish.name);
    try {
      imported.push(await ofLine(cli, line, taken));
    } catch (error) {
      throw new InvalidArgumentError(`line ${line.line}: ${firstLine(messageOf(error))}`, {
        cause: error,
      });
    }
  }
  return imported;
}

/** Without the pointer to the help of another command. */
function firstLine(text: string): string {
  return (text.split("\n")[0] ?? "").replace(/^wharf: /, "");
}

async function ofLine(cli: Cli, line: RunLine, taken: readonly string[]): Promise<Imported> {
  const parsed = parseFlags(runCommand.flags, line.words, false);
  const [image] = parsed.args;
  if (image === undefined) throw new InvalidArgumentError("it names no image");
  // the table of the flags gives each its type
  const flags = parsed.values as unknown as CreateValues & { readonly detach: boolean };
  const invocation: Invocation<CreateValues> = {
    flags,
    args: parsed.args,
    commandLine: "wharf run",
    groupFlags: { values: {}, given: new Set() },
    isSet: (name) => parsed.given.has(name),
  };
  const { body } = await planFromCommandLine(cli, invocation, flags.detach);
  const name = flags.name === "" ? freeName(image, taken) : flags.name;
  return { wish: planWish(factsOfRequest(body, name)), hasOwnName: flags.name !== "" };
}

/** Of the image: `registry:5000/team/web:1` is `web`. */
function freeName(image: string, taken: readonly string[]): string {
  const last = image.split("/").at(-1) ?? image;
  const base = last.replace(/[:@].*$/, "").replaceAll(/[^a-zA-Z0-9._-]/g, "") || "app";
  for (let number = 1; ; number++) {
    const name = number === 1 ? base : `${base}-${number}`;
    if (!taken.includes(name)) return name;
  }
}
