import type { CommandEntry } from "#cli/command/command-entry.ts";

export const pluginCommands: readonly CommandEntry[] = [
  {
    path: "plugin create",
    summary:
      "Create a plugin from a rootfs and configuration. Plugin data directory must contain config.json and rootfs directory.",
    load: () => import("./create.ts"),
  },
  {
    path: "plugin disable",
    summary: "Disable a plugin",
    load: () => import("./disable.ts"),
  },
  {
    path: "plugin enable",
    summary: "Enable a plugin",
    load: () => import("./enable.ts"),
  },
  {
    path: "plugin inspect",
    summary: "Display detailed information on one or more plugins",
    load: () => import("./inspect.ts"),
  },
  {
    path: "plugin install",
    summary: "Install a plugin",
    load: () => import("./install.ts"),
  },
  {
    path: "plugin ls",
    aliases: ["plugin list"],
    summary: "List plugins",
    load: () => import("./ls.ts"),
  },
  {
    path: "plugin push",
    summary: "Push a plugin to a registry",
    load: () => import("./push.ts"),
  },
  {
    path: "plugin rm",
    aliases: ["plugin remove"],
    summary: "Remove one or more plugins",
    load: () => import("./rm.ts"),
  },
  {
    path: "plugin set",
    summary: "Change settings for a plugin",
    load: () => import("./set.ts"),
  },
  {
    path: "plugin upgrade",
    summary: "Upgrade an existing plugin",
    load: () => import("./upgrade.ts"),
  },
];
