import type { EngineClient } from "#client/engine-client.ts";
import type { Cli } from "#cli/cli.ts";
import { openNamedEngine } from "#cli/engine/open-engine.ts";
import { showTransfer } from "#cli/output/progress.ts";
import type { Output } from "#cli/output/streams.ts";
import { familiarReference, parseImageName, withDefaultTag } from "#spec/reference.ts";
import { openOfferedImage } from "./offered-image.ts";
import { openSavedImage } from "./saved-image.ts";
import { isWharf } from "./source.ts";
import { loadIntoDocker } from "./to-docker.ts";
import { offerToWharf } from "./to-wharf.ts";

/**
 * Copies an image from the engine in force to another: the layers that that one lacks, and the name.
 *
 * @param to Address or context of the other engine.
 * @param output Where the progress goes.
 * @throws {NotFoundError} No such image.
 */
export async function copyImage(cli: Cli, name: string, to: string, output: Output): Promise<void> {
  await using target = openNamedEngine(cli, to);
  const engine = await cli.engine();
  const signal = cli.interruption();
  const open = isWharf(await engine.ping()) ? openOfferedImage : openSavedImage;
  await using source = await open(engine, name, signal);
  const send = isWharf(await target.ping()) ? offerToWharf : loadIntoDocker;
  await showTransfer(send(source, target, await tagsOf(engine, name), signal), output);
}

/** What the image is asked for by, where that is a name: an id brings none. */
async function tagsOf(engine: EngineClient, name: string): Promise<readonly string[]> {
  const parsed = parseImageName(name);
  if (parsed.kind !== "reference" || parsed.reference.digest !== undefined) return [];
  const tag = familiarReference(withDefaultTag(parsed.reference));
  const { RepoTags } = await engine.getJson<{ readonly RepoTags?: readonly string[] | null }>(
    `/images/${encodeURIComponent(name)}/json`,
  );
  return (RepoTags ?? []).includes(tag) ? [tag] : [];
}
