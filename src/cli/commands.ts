import { builderCommands } from "./builder/commands.ts";
import { checkpointCommands } from "./checkpoint/commands.ts";
import type { CommandEntry } from "#cli/command/command-entry.ts";
import { completionCommands } from "./completion/commands.ts";
import { composeCommands } from "./compose/commands.ts";
import { containerCommands } from "./container/commands.ts";
import { contextCommands } from "./context/commands.ts";
import { imageCommands } from "./image/commands.ts";
import { manifestCommands } from "./manifest/commands.ts";
import { networkCommands } from "./network/commands.ts";
import { pluginCommands } from "./plugin/commands.ts";
import { registryCommands } from "./registry/commands.ts";
import { systemCommands } from "./system/commands.ts";
import { volumeCommands } from "./volume/commands.ts";

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
