import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CommandResult } from "../command.ts";
import { treeOfSavedImage } from "./image-tree.ts";
import { fillTreeContext } from "./tree-context.ts";

/**
 * A Dockerfile on the files of `tree-context.ts`, and what docker 28 makes of it, by both its builders. Where these differ, all
 * doors of ours do as BuildKit: its rules are those of the builds that people run.
 */
export interface TreeCase {
  readonly name: string;
  readonly dockerfile: readonly string[];
  readonly classic?: TreeOutcome;
  readonly buildkit?: TreeOutcome;
  /** Ours does as the classic builder, which refuses what BuildKit passes over. */
  readonly ours?: "classic";
}

export interface TreeOutcome {
  readonly ok: boolean;
  /** What `treeOfSavedImage` says. */
  readonly tree?: readonly string[];
}

export type TreeDoor = "classic" | "buildkit";

/** A client of an engine: `build` is asked with the arguments of that command. */
export interface TreeClient {
  readonly docker: (
    args: readonly string[],
    env?: Readonly<Record<string, string>>,
  ) => Promise<CommandResult>;
  /** Our own client, where the engine is ours. */
  readonly wharf?: (args: readonly string[]) => Promise<CommandResult>;
}

/** Builds a case by one door, and looks at the image; nothing of it is left. */
export async function runTreeCase(
  client: TreeClient,
  { dockerfile }: TreeCase,
  door: TreeDoor | "wharf",
  tag: string,
): Promise<TreeOutcome> {
  const folder = mkdtempSync(join(tmpdir(), "wharf-tree-case-"));
  try {
    const context = join(folder, "context");
    const archive = join(folder, "image.tar");
    fillTreeContext(context);
    writeFileSync(join(folder, "Dockerfile"), `${dockerfile.join("\n")}\n`);
    const args = [
      "build",
      "--no-cache",
      "-q",
      "-t",
      tag,
      "-f",
      join(folder, "Dockerfile"),
      context,
    ];
    const built =
      door === "wharf" && client.wharf
        ? await client.wharf(args)
        : await client.docker(args, { DOCKER_BUILDKIT: door === "classic" ? "0" : "1" });
    if (built.exitCode !== 0) return { ok: false };
    await client.docker(["save", "-o", archive, tag]);
    const isFromScratch = dockerfile.findLast((line) => /^FROM /i.test(line)) === "FROM scratch";
    const baseLayers = isFromScratch ? 0 : 1;
    return { ok: true, tree: await treeOfSavedImage(archive, baseLayers) };
  } finally {
    await client.docker(["rmi", "-f", tag]);
    rmSync(folder, { recursive: true, force: true });
  }
}
