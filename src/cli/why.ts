import { type Command, defineCommand, exactly } from "#cli/command/command.ts";
import { stringFlag } from "#cli/command/flags.ts";
import { compileWholeObject } from "./output/template.ts";
import { explain, type Explanation } from "./why/explain.ts";
import { fetchWhyFacts } from "./why/facts.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS] CONTAINER",
  description:
    "Explain why a container is in its state: from its state, exit code, health log, events, " +
    "last output and what changed since, with what to do about it.",
  args: exactly(1),
  completeArgs: ["containers"],
  flags: {
    format: stringFlag(`Format output using a custom template: 'json' or a Go template`, {
      short: "f",
    }),
  },
  async run(cli, { flags, args }) {
    const [name = ""] = args;
    const show = flags.format === "" ? undefined : compileWholeObject(flags.format);
    const facts = await fetchWhyFacts(await cli.engine(), name, cli.now());
    const explanation = explain(facts);
    cli.output.write(
      show
        ? `${show({ ...explanation, lastLines: facts.lastLines ?? [] })}\n`
        : toText(explanation, facts.lastLines),
    );
    return 0;
  },
});

function toText(explanation: Explanation, lastLines: readonly string[] | undefined): string {
  const { state, cause, evidence, changed, mend } = explanation;
  const sections: readonly (readonly [title: string, lines: readonly string[]])[] = [
    ["Seen from", evidence],
    ["Changed since", changed],
    ["To mend it", mend],
    ["Its last output", lastLines ?? ["(its log driver keeps none that can be read)"]],
  ];
  const body = sections
    .filter(([, lines]) => lines.length > 0)
    .map(([title, lines]) => `\n${title}:\n${lines.map((line) => `  ${line}\n`).join("")}`);
  return `${state}.\n${cause === undefined ? "Nothing is wrong that the engine can see" : cause}.\n${body.join("")}`;
}
