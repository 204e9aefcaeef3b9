import type { CommandEntry } from "#cli/command/command-entry.ts";

export const completionCommands: readonly CommandEntry[] = [
  {
    path: "completion bash",
    summary: "Generate the autocompletion script for bash",
    load: () => import("./bash.ts"),
  },
  {
    path: "completion fish",
    summary: "Generate the autocompletion script for fish",
    load: () => import("./fish.ts"),
  },
  {
    path: "completion zsh",
    summary: "Generate the autocompletion script for zsh",
    load: () => import("./zsh.ts"),
  },
];
