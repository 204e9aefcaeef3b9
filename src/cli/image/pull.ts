import { InvalidArgumentError } from "#base/errors.ts";
import type { Cli } from "#cli/cli.ts";
import { type Command, defineCommand, exactly } from "#cli/command/command.ts";
import { boolFlag, stringFlag } from "#cli/command/flags.ts";
import { type ProgressMessage, showTransfer } from "#cli/output/progress.ts";
import type { Output } from "#cli/output/streams.ts";
import { registryAuthHeaders } from "#cli/registry-auth.ts";
import {
  formatImageReference,
  type ImageReference,
  parseImageReference,
  repositoryName,
  withDefaultTag,
} from "#spec/reference.ts";

/**
 * Pulls an image through the engine.
 *
 * @param reference Without tag and digest for all tags.
 * @param output Where the progress goes.
 */
export async function pullImage(
  cli: Cli,
  reference: ImageReference,
  platform: string | undefined,
  output: Output,
): Promise<void> {
  const engine = await cli.engine();
  const messages = engine.messages<ProgressMessage>("POST", "/images/create", {
    query: {
      fromImage: repositoryName(reference),
      tag: reference.digest ?? reference.tag ?? "",
      platform: platform?.toLowerCase(),
    },
    headers: await registryAuthHeaders(cli, reference.domain),
  });
  await showTransfer(messages, output);
}

/** Takes what nobody wants to see. */
export const silence: Output = {
  write: () => undefined,
  pump: () => Promise.resolve(),
  isTerminal: false,
  windowSize: () => undefined,
};

export const command: Command = defineCommand({
  usage: "[OPTIONS] NAME[:TAG|@DIGEST]",
  args: exactly(1),
  completeArgs: ["images"],
  flags: {
    "all-tags": boolFlag("Download all tagged images in the repository", { short: "a" }),
    "disable-content-trust": boolFlag("Skip image verification", {
      default: true,
      deprecated: "support for docker content trust was removed",
    }),
    platform: stringFlag("Set platform if server is multi-platform capable", { minApi: "1.32" }),
    quiet: boolFlag("Suppress verbose output", { short: "q" }),
  },
  async run(cli, { flags, args: [name = ""] }) {
    const named = parseImageReference(name);
    const isNameOnly = named.tag === undefined && named.digest === undefined;
    if (flags["all-tags"] && !isNameOnly) {
      throw new InvalidArgumentError("tag can't be used with --all-tags/-a");
    }
    const reference = flags["all-tags"] ? named : withDefaultTag(named);
    if (isNameOnly && !flags["all-tags"] && !flags.quiet) {
      cli.output.write("Using default tag: latest\n");
    }
    const platform = flags.platform === "" ? undefined : flags.platform;
    await pullImage(cli, reference, platform, flags.quiet ? silence : cli.output);
    cli.output.write(`${formatImageReference(reference)}\n`);
    return 0;
  },
});
