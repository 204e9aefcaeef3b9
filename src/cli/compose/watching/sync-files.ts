import { lstatSync } from "node:fs";
import type { Cli } from "#cli/cli.ts";
import { demultiplex } from "#client/stdcopy.ts";
import type { ActParts } from "#compose/act/act-parts.ts";
import { runHookWith } from "#compose/act/hooks.ts";
import type { ObservedContainer } from "#compose/observe/observed.ts";
import type { ServiceSync, SyncedFile } from "#compose/watch/plan-batch.ts";
import { TreePacker } from "#host/archive/pack-tree.ts";
import { openArchiveSyscalls } from "#host/archive/syscalls.ts";

/** Brings one container's files up to date, then runs what is to be run there. */
export async function syncContainer(
  cli: Cli,
  { id }: ObservedContainer,
  sync: Pick<ServiceSync, "writes" | "removals" | "hooks">,
  parts: ActParts,
): Promise<void> {
  if (sync.removals.length > 0) {
    const command = ["rm", "-rf", "--", ...sync.removals];
    await runHookWith({ command, user: "0" }, id, parts, drained);
  }
  if (sync.writes.length > 0) {
    await parts.engine.send("PUT", `/containers/${id}/archive`, {
      query: { path: "/", noOverwriteDirNonDir: true },
      stream: packed(sync.writes),
      contentType: "application/x-tar",
    });
  }
  for (const hook of sync.hooks) {
    await runHookWith(hook, id, parts, async (output) => {
      for await (const { stream, payload } of demultiplex(output)) {
        (stream === "stderr" ? cli.errors : cli.output).write(payload);
      }
    });
  }
}

async function drained(output: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const _chunk of output) {
    // its end says that the command has ended
  }
}

/** A tar of the files that are still there. */
async function* packed(files: readonly SyncedFile[]): AsyncGenerator<Uint8Array> {
  const packer = new TreePacker({ syscalls: openArchiveSyscalls(), reusesBuffer: false });
  for (const { from, to } of files) {
    const stats = lstatSync(from, { bigint: true, throwIfNoEntry: false });
    if (!stats) continue;
    yield* packer.item({ path: Buffer.from(from), name: Buffer.from(to.slice(1)), stats });
  }
  yield* packer.finish();
}
