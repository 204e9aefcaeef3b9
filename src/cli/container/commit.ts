import { InvalidArgumentError } from "#base/errors.ts";
import type { EngineClient } from "#client/engine-client.ts";
import { parseImageReference } from "#spec/reference.ts";
import { between, type Command, defineCommand } from "#cli/command/command.ts";
import { boolFlag, listFlag, stringFlag } from "#cli/command/flags.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS] CONTAINER [REPOSITORY[:TAG]]",
  args: between(1, 2),
  interspersed: false,
  completeArgs: ["containers", "images"],
  flags: {
    author: stringFlag('Author (e.g., "John Hannibal Smith <hannibal@a-team.com>")', {
      short: "a",
    }),
    change: listFlag("Apply Dockerfile instruction to the created image", { short: "c" }),
    message: stringFlag("Commit message", { short: "m" }),
    "no-pause": boolFlag("Disable pausing container during commit"),
    pause: boolFlag("Pause container during commit (deprecated: use --no-pause instead)", {
      short: "p",
      default: true,
      deprecated: "and enabled by default. Use --no-pause to disable pausing during commit.",
    }),
  },
  async run(cli, { flags, args, isSet }) {
    if (isSet("pause") && isSet("no-pause")) {
      throw new InvalidArgumentError(
        "conflicting options: --no-pause and --pause cannot be used together",
      );
    }
    const [container = "", name = ""] = args;
    const isPaused = flags.pause && !flags["no-pause"];
    const engine = await cli.engine();
    const id = await commitContainer(engine, container, name, { ...flags, pause: isPaused });
    cli.output.write(`${id}\n`);
    return 0;
  },
});

/** @returns The new image's id. */
export async function commitContainer(
  engine: EngineClient,
  container: string,
  name: string,
  asked: {
    readonly author: string;
    readonly change: readonly string[];
    readonly message: string;
    readonly pause: boolean;
  },
): Promise<string> {
  const reference = name === "" ? undefined : parseImageReference(name);
  const { Id } = await engine.postJson<{ readonly Id: string }>("/commit", {
    query: {
      container,
      repo: reference === undefined ? undefined : repositoryOf(name),
      tag: reference?.tag,
      comment: asked.message === "" ? undefined : asked.message,
      author: asked.author === "" ? undefined : asked.author,
      changes: asked.change,
      pause: asked.pause ? undefined : "0",
    },
  });
  return Id;
}

/** The part before the tag: a colon after the last slash begins that. */
function repositoryOf(name: string): string {
  const colon = name.indexOf(":", name.lastIndexOf("/") + 1);
  return colon < 0 ? name : name.slice(0, colon);
}
