import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { basename, join } from "node:path";
import type { Cli } from "#cli/cli.ts";
import { known, ManifestRegistry } from "#cli/manifest/registry.ts";
import { checkFile, filesOfArtifact } from "#compose/publish/read-artifact.ts";
import { parseImageReference, withDefaultTag } from "#spec/reference.ts";

const SCHEME = "oci://";

/**
 * Fetches what `oci://REPOSITORY[:TAG]` names, as `compose publish` wrote it, into a folder of the user's cache.
 *
 * @returns Paths of its Compose files, in order.
 * @throws {NotFoundError} It is not there. {InvalidArgumentError} It is something else.
 */
export async function fetchPublishedFiles(
  cli: Cli,
  name: string,
  insecure: readonly string[],
): Promise<readonly string[]> {
  const reference = withDefaultTag(parseImageReference(name.slice(SCHEME.length)));
  using registry = new ManifestRegistry(cli, insecure.includes(reference.domain));
  const repository = await registry.repository(reference, "pull");
  const signal = cli.interruption();
  const target = reference.digest ?? reference.tag ?? "latest";
  const { descriptor, bytes } = await known(reference, () =>
    repository.fetchManifest(target, signal),
  );
  const files = filesOfArtifact(bytes, name);
  const cache = cli.env["XDG_CACHE_HOME"] || join(homedir(), ".cache");
  const parent = join(cache, "wharf/compose", descriptor.digest.replace(":", "-"));
  // the project is called by it, unless it says otherwise
  const folder = join(parent, basename(reference.path));
  const fresh = `${folder}.${process.pid}`;
  mkdirSync(fresh, { recursive: true, mode: 0o700 });
  try {
    for (const file of files) {
      const content = await repository.readBlob(file.digest, file.sizeBytes, signal);
      checkFile(file, content, name);
      writeFileSync(join(fresh, file.name), content, { mode: 0o600 });
    }
    rmSync(folder, { recursive: true, force: true });
    renameSync(fresh, folder);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
  return files.filter(({ kind }) => kind === "compose").map((file) => join(folder, file.name));
}
