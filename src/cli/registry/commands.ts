import type { CommandEntry } from "#cli/command-entry.ts";

export const registryCommands: readonly CommandEntry[] = [
  {
    path: "registry serve",
    summary: "Serve a registry for images and artifacts",
    load: () => import("./serve.ts"),
  },
];
