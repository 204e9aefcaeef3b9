import type { CommandEntry } from "#cli/command/command-entry.ts";

export const checkpointCommands: readonly CommandEntry[] = [
  {
    path: "checkpoint create",
    summary: "Create a checkpoint from a running container",
    load: () => import("./create.ts"),
  },
  {
    path: "checkpoint ls",
    aliases: ["checkpoint list"],
    summary: "List checkpoints for a container",
    load: () => import("./ls.ts"),
  },
  {
    path: "checkpoint rm",
    aliases: ["checkpoint remove"],
    summary: "Remove a checkpoint",
    load: () => import("./rm.ts"),
  },
];
