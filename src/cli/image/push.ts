import { InvalidArgumentError } from "#base/errors.ts";
import { type Command, defineCommand, exactly } from "#cli/command/command.ts";
import { boolFlag, stringFlag } from "#cli/command/flags.ts";
import { type ProgressMessage, showTransfer } from "#cli/output/progress.ts";
import { registryAuthHeaders } from "#cli/registry-auth.ts";
import {
  formatImageReference,
  parseImageReference,
  repositoryName,
  withDefaultTag,
} from "#spec/reference.ts";
import { optionalPlatformQuery } from "./platform-flag.ts";
import { copyImage } from "./copying/copy-image.ts";
import { silence } from "./pull.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS] NAME[:TAG]",
  args: exactly(1),
  completeArgs: ["images"],
  flags: {
    "all-tags": boolFlag("Push all tags of an image to the repository", { short: "a" }),
    "disable-content-trust": boolFlag("Skip image signing", {
      default: true,
      deprecated: "support for docker content trust was removed",
    }),
    platform: stringFlag(
      "Push a platform-specific manifest as a single-platform image to the registry. Image index won't be " +
        "pushed, meaning that other manifests, including attestations won't be preserved. " +
        "'os[/arch[/variant]]': Explicit platform (eg. linux/amd64)",
      { minApi: "1.46" },
    ),
    quiet: boolFlag("Suppress verbose output", { short: "q" }),
    to: stringFlag("Push to another engine (address or context), without a registry"),
  },
  async run(cli, { flags, args: [name = ""] }) {
    if (flags.to !== "") {
      if (flags["all-tags"] || flags.platform !== "") {
        throw new InvalidArgumentError("--to copies one image as it is, without -a and --platform");
      }
      await copyImage(cli, name, flags.to, flags.quiet ? silence : cli.output);
      cli.output.write(`Copied ${name} to ${flags.to}\n`);
      return 0;
    }
    if (name.includes("://")) {
      const hint = `wharf push --to ${name} IMAGE`;
      throw new InvalidArgumentError(`${name} is an engine, no image: use "${hint}"`);
    }
    const named = parseImageReference(name);
    if (named.digest !== undefined)
      throw new InvalidArgumentError("cannot push a digest reference");
    if (flags["all-tags"] && named.tag !== undefined) {
      throw new InvalidArgumentError("tag can't be used with --all-tags/-a");
    }
    const reference = flags["all-tags"] ? named : withDefaultTag(named);
    if (named.tag === undefined && !flags["all-tags"] && !flags.quiet) {
      cli.output.write("Using default tag: latest\n");
    }
    const engine = await cli.engine();
    const path = `/images/${repositoryName(reference)}/push`;
    const messages = engine.messages<ProgressMessage>("POST", path, {
      query: { tag: reference.tag ?? "", platform: optionalPlatformQuery(flags.platform) },
      headers: await registryAuthHeaders(cli, reference.domain),
    });
    const output = flags.quiet ? silence : cli.output;
    const notes: string[] = [];
    await showTransfer(messages, output, (aux) => {
      const note = noteOf(aux);
      if (note !== undefined) notes.push(note);
    });
    for (const note of notes) output.write(note);
    if (flags.quiet) cli.output.write(`${formatImageReference(reference)}\n`);
    return 0;
  },
});

/** What the engine pushed instead of what the user may expect. */
function noteOf(aux: unknown): string | undefined {
  if (typeof aux !== "object" || aux === null) return undefined;
  if (!("manifestPushedInsteadOfIndex" in aux) || aux.manifestPushedInsteadOfIndex !== true) {
    return undefined;
  }
  const digestIn = (value: unknown): string =>
    typeof value === "object" && value !== null && "digest" in value ? String(value.digest) : "";
  const from = digestIn("originalIndex" in aux ? aux.originalIndex : undefined);
  const to = digestIn("selectedManifest" in aux ? aux.selectedManifest : undefined);
  return (
    "\nInfo → Not all multiplatform-content is present and only the available single-platform " +
    `image was pushed\n${from} -> ${to}\n`
  );
}
