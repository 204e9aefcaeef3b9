import type { ContainerInspectResponse } from "@docker/node-sdk";
import { InvalidArgumentError, messageOf } from "#base/errors.ts";
import type { Cli } from "#cli/cli.ts";
import { type Command, defineCommand, exactly } from "#cli/command/command.ts";
import { boolFlag, stringFlag } from "#cli/command/flags.ts";
import { apiTimestamp } from "#cli/output/texts.ts";
import { demultiplex } from "#client/stdcopy.ts";
import { containerPath } from "./each-container.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS] CONTAINER",
  args: exactly(1),
  completeArgs: ["containers"],
  flags: {
    details: boolFlag("Show extra details provided to logs"),
    follow: boolFlag("Follow log output", { short: "f" }),
    since: stringFlag(
      `Show logs since timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)`,
    ),
    tail: stringFlag("Number of lines to show from the end of the logs", {
      short: "n",
      default: "all",
    }),
    timestamps: boolFlag("Show timestamps", { short: "t" }),
    until: stringFlag(
      `Show logs before a timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)`,
    ),
  },
  async run(cli, { flags, args }) {
    const [name = ""] = args;
    const engine = await cli.engine();
    const query = {
      stdout: true,
      stderr: true,
      details: flags.details || undefined,
      follow: flags.follow || undefined,
      since: timeQuery(cli, "since", flags.since),
      until: timeQuery(cli, "until", flags.until),
      tail: flags.tail,
      timestamps: flags.timestamps || undefined,
    };
    const answer = await engine.request("GET", containerPath(name, "/logs"), { query });
    const isRaw =
      answer.header("content-type") === undefined
        ? await hasTerminal(cli, name)
        : answer.header("content-type") === "application/vnd.docker.raw-stream";
    if (isRaw) for await (const bytes of answer.body()) await cli.output.pump(bytes);
    else await writeBoth(cli, answer.body());
    return 0;
  },
});

/** A duration counts back from the client's clock, as the engine's may differ. */
function timeQuery(cli: Cli, flag: string, text: string): string | undefined {
  if (text === "") return undefined;
  try {
    return apiTimestamp(text, cli.now());
  } catch (error) {
    throw new InvalidArgumentError(
      `invalid value for ${JSON.stringify(flag)}: ${messageOf(error)}`,
      { cause: error },
    );
  }
}

/** Engines before API 1.42 do not say what the stream is. */
async function hasTerminal(cli: Cli, name: string): Promise<boolean> {
  const engine = await cli.engine();
  const { Config } = await engine.getJson<ContainerInspectResponse>(containerPath(name, "/json"));
  return Config?.Tty ?? false;
}

async function writeBoth(cli: Cli, body: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const { stream, payload } of demultiplex(body)) {
    await (stream === "stdout" ? cli.output : cli.errors).pump(payload);
  }
}
