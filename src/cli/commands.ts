import { builderCommands } from "./builder/commands.ts";
import { checkpointCommands } from "./checkpoint/commands.ts";
import type { CommandEntry } from "#cli/command/command-entry.ts";
import { completionCommands } from "./completion/commands.ts";
import { composeCommands } from "./compose/commands.ts";
import { containerCommands } from "./container/commands.ts";
import { contextCommands } from "./context/commands.ts";
import type { FlagTable } from "#cli/command/flags.ts";
import { imageCommands } from "./image/commands.ts";
import { manifestCommands } from "./manifest/commands.ts";
import { networkCommands } from "./network/commands.ts";
import { pluginCommands } from "./plugin/commands.ts";
import { registryCommands } from "./registry/commands.ts";
import { systemCommands } from "./system/commands.ts";
import { volumeCommands } from "./volume/commands.ts";

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

/** Order of the first section of `wharf --help`. */
export const commonCommands: readonly string[] = [
  "run",
  "exec",
  "ps",
  "build",
  "pull",
  "push",
  "images",
  "login",
  "logout",
  "search",
  "version",
  "info",
];

/** Every command, sorted by path; those of a group stand in its folder. */
export const commands: readonly CommandEntry[] = [
  {
    path: "bake",
    summary: "Build from a file",
    load: () => import("./bake.ts"),
  },
  ...builderCommands,
  ...checkpointCommands,
  ...completionCommands,
  ...composeCommands,
  ...containerCommands,
  ...contextCommands,
  {
    path: "debug",
    summary: "Run tools beside a container that has none, without changing it",
    load: () => import("./debug.ts"),
  },
  ...imageCommands,
  {
    path: "inspect",
    summary: "Return low-level information on Wharf objects",
    load: () => import("./inspect.ts"),
  },
  {
    path: "login",
    summary: "Authenticate to a registry",
    load: () => import("./login.ts"),
  },
  {
    path: "logout",
    summary: "Log out from a registry",
    load: () => import("./logout.ts"),
  },
  ...manifestCommands,
  ...networkCommands,
  ...pluginCommands,
  ...registryCommands,
  {
    path: "search",
    summary: "Search Docker Hub for images",
    load: () => import("./search.ts"),
  },
  ...systemCommands,
  {
    path: "version",
    summary: "Show the Wharf version information",
    load: () => import("./version.ts"),
  },
  ...volumeCommands,
  {
    path: "why",
    summary: "Explain why a container is in its state, and what to do about it",
    load: () => import("./why.ts"),
  },
];

/**
 * Commands that docker has and this version does not, in each of their spellings: they say so
 * instead of being unknown.
 */
export const laterCommands: readonly string[] = [];

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
