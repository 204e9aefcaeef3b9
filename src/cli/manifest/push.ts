import { InvalidArgumentError } from "#base/errors.ts";
import { type Command, defineCommand, exactly } from "#cli/command/command.ts";
import { boolFlag } from "#cli/command/flags.ts";
import type { Repository } from "#registry-client/repository.ts";
import type { Descriptor } from "#spec/oci-image.ts";
import { parseImageReference, repositoryName } from "#spec/reference.ts";
import { buildManifestList } from "./list-for.ts";
import type { ListedManifest } from "./listed-manifest.ts";
import { ManifestStore } from "./manifest-store.ts";
import { parseManifestName } from "./references.ts";
import { blobsOf, ManifestRegistry } from "./registry.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS] MANIFEST_LIST",
  args: exactly(1),
  flags: {
    insecure: boolFlag("Allow push to an insecure registry"),
    purge: boolFlag("Remove the local manifest list after push", { short: "p" }),
  },
  async run(cli, { flags, args: [name = ""] }) {
    const list = parseManifestName(name);
    const store = new ManifestStore(cli.globals.configDir);
    const manifests = store.list(list);
    for (const { ref, platform } of manifests) {
      if (platform.os !== "" && platform.architecture !== "") continue;
      throw new InvalidArgumentError(
        `manifest ${ref} must have an OS and Architecture to be pushed to a registry`,
      );
    }
    const document = buildManifestList(list, manifests);
    using registry = new ManifestRegistry(cli, flags.insecure);
    const signal = cli.interruption();
    const target = await registry.repository(list, "push");
    for (const manifest of manifests) {
      const reference = parseImageReference(manifest.ref);
      if (repositoryName(reference) === repositoryName(list)) continue;
      const source = await registry.repository(reference, "pull");
      await copyImage(source, target, manifest, signal);
      cli.output.write(
        `Pushed ref ${repositoryName(list)}@${manifest.digest} with digest: ${manifest.digest}\n`,
      );
    }
    const digest = await target.putManifest(list.tag ?? list.digest ?? "latest", document, signal);
    cli.output.write(`${digest}\n`);
    if (flags.purge) store.remove(list);
    return 0;
  },
});

/** Mounted where the registry does that, else read from the one repository and sent to the other. */
async function copyImage(
  source: Repository,
  target: Repository,
  manifest: ListedManifest,
  signal: AbortSignal,
): Promise<void> {
  for (const blob of blobsOf(manifest)) {
    if ((await target.blobSize(blob.digest, signal)) !== undefined) continue;
    const { digest, sizeBytes } = blob;
    const read = (offset: number, end: number): AsyncIterable<Uint8Array> =>
      readRange(source, blob, { offset, end }, signal);
    await target.upload({ digest, sizeBytes, read }, [source.path], () => undefined, signal);
  }
  await target.putManifest(
    manifest.digest,
    { mediaType: manifest.mediaType, bytes: manifest.raw },
    signal,
  );
}

/** A registry without ranges sends what comes before as well. */
async function* readRange(
  source: Repository,
  { digest }: Descriptor,
  { offset, end }: { readonly offset: number; readonly end: number },
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const opened = await source.openBlob({ digest, offset }, signal);
  let at = opened.offset;
  for await (const chunk of opened.stream) {
    const part = chunk.subarray(Math.max(0, offset - at), Math.max(0, end - at));
    at += chunk.byteLength;
    if (part.byteLength > 0) yield part;
    if (at >= end) return;
  }
}
