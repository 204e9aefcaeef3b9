import { InvalidArgumentError, messageOf } from "#base/errors.ts";
import { type Command, defineCommand, exactly } from "#cli/command/command.ts";
import {
  parseImageName,
  parseImageReference,
  repositoryName,
  withDefaultTag,
} from "#spec/reference.ts";

export const command: Command = defineCommand({
  usage: "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
  args: exactly(2),
  interspersed: false,
  completeArgs: ["images", "images"],
  flags: {},
  async run(cli, { args }) {
    const [source = "", target = ""] = args;
    parseOrExplain(source, parseImageName);
    const reference = withDefaultTag(parseOrExplain(target, parseImageReference));
    if (reference.digest !== undefined) {
      throw new InvalidArgumentError("refusing to create a tag with a digest reference");
    }
    const engine = await cli.engine();
    await engine.send("POST", `/images/${encodeURIComponent(source)}/tag`, {
      query: { repo: repositoryName(reference), tag: reference.tag },
    });
    return 0;
  },
});

function parseOrExplain<Parsed>(text: string, parse: (text: string) => Parsed): Parsed {
  try {
    return parse(text);
  } catch (error) {
    throw new InvalidArgumentError(
      `error parsing reference: ${JSON.stringify(text)} is not a valid repository/tag: ${messageOf(error)}`,
      { cause: error },
    );
  }
}
