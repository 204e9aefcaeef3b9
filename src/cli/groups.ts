import type { FlagTable } from "#cli/command/flags.ts";

/** A first word that only holds further commands. */
export interface GroupEntry {
  readonly name: string;
  readonly summary: string;
  /** Flags between the group's name and the command's: `compose -f FILE up`. */
  readonly flags?: () => Promise<FlagTable>;
  /** Where a flag cannot be read; 125 unless said. */
  readonly badFlagExitCode?: number;
}

export const groups: readonly GroupEntry[] = [
  { name: "checkpoint", summary: "Manage checkpoints" },
  { name: "builder", summary: "Manage builds" },
  { name: "completion", summary: "Generate the autocompletion script for a shell" },
  {
    name: "compose",
    summary: "Define and run multi-container applications",
    flags: async () => (await import("./compose/project/flags.ts")).projectFlags,
    badFlagExitCode: 1,
  },
  { name: "container", summary: "Manage containers" },
  { name: "context", summary: "Manage contexts" },
  { name: "image", summary: "Manage images" },
  { name: "manifest", summary: "Manage Docker image manifests and manifest lists" },
  { name: "network", summary: "Manage networks" },
  { name: "plugin", summary: "Manage plugins" },
  { name: "registry", summary: "Serve and manage a registry" },
  { name: "system", summary: "Manage Wharf" },
  { name: "volume", summary: "Manage volumes" },
];

/** Groups of which this version has no command. */
export const laterGroups: readonly string[] = [
  "buildx",
  "config",
  "node",
  "secret",
  "service",
  "stack",
  "swarm",
  "trust",
];
