import type { CommandEntry } from "#cli/command-entry.ts";

export const composeCommands: readonly CommandEntry[] = [
  {
    path: "compose config",
    summary: "Parse, resolve and render compose file in canonical format",
    load: () => import("./config.ts"),
  },
];
