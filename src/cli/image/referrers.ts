import { InvalidArgumentError } from "#base/errors.ts";
import { type Command, defineCommand, exactly } from "#cli/command/command.ts";
import { boolFlag, intFlag, stringFlag } from "#cli/command/flags.ts";
import { known, ManifestRegistry } from "#cli/manifest/registry.ts";
import { parseManifestName } from "#cli/manifest/references.ts";
import { familiarName, familiarReference } from "#spec/reference.ts";
import { findReferrers } from "./referring/find-referrers.ts";
import { flattenReferrers, referrersJson, referrersTree } from "./referring/referrers-text.ts";

const FORMATS = ["tree", "json"];

export const command: Command = defineCommand({
  usage: "[OPTIONS] NAME[:TAG|@DIGEST]",
  description: `List what refers to an image in its registry, such as signatures, bills of materials and attestations, and what
refers to those. The registry is asked for its list; where it keeps none, the tag is read that clients keep in its place.`,
  args: exactly(1),
  flags: {
    "artifact-type": stringFlag("Only those of this type"),
    depth: intFlag("How far down to look (default 0, which is all the way)"),
    format: stringFlag(`Output format ("tree", "json")`, { default: "tree" }),
    insecure: boolFlag("Allow communication with an insecure registry"),
    quiet: boolFlag("Only show digests", { short: "q" }),
    verbose: boolFlag("Show annotations in the tree", { short: "v" }),
  },
  async run(cli, { flags, args: [text = ""] }) {
    if (!FORMATS.includes(flags.format)) {
      throw new InvalidArgumentError(
        `unknown format ${JSON.stringify(flags.format)}: want ${FORMATS.join(" or ")}`,
      );
    }
    if (flags.depth < 0) throw new InvalidArgumentError("--depth cannot be negative");
    const reference = parseManifestName(text);
    const signal = cli.interruption();
    using registry = new ManifestRegistry(cli, flags.insecure);
    const repository = await registry.repository(reference, "pull");
    const target = reference.digest ?? reference.tag ?? "latest";
    const { descriptor } = await known(reference, () => repository.fetchManifest(target, signal));
    const artifactType = flags["artifact-type"];
    const nodes = await findReferrers(
      repository,
      {
        subject: descriptor.digest,
        depth: flags.depth,
        ...(artifactType === "" ? {} : { artifactType }),
      },
      signal,
    );
    const name = familiarName(reference);
    const { digest } = descriptor;
    if (flags.quiet) {
      for (const one of flattenReferrers(nodes)) cli.output.write(`${one.digest}\n`);
    } else if (flags.format === "json") {
      cli.output.write(referrersJson(name, descriptor, nodes));
    } else {
      const { domain, path } = reference;
      const shown = familiarReference({ domain, path, digest });
      cli.output.write(referrersTree(shown, nodes, flags.verbose));
    }
    return 0;
  },
});
