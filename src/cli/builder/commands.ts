import type { CommandEntry } from "#cli/command/command-entry.ts";

export const builderCommands: readonly CommandEntry[] = [
  {
    path: "builder prune",
    summary: "Remove build cache",
    load: () => import("./prune.ts"),
  },
];
