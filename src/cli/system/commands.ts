import type { CommandEntry } from "#cli/command/command-entry.ts";

export const systemCommands: readonly CommandEntry[] = [
  {
    path: "system check",
    summary: "Find what leaked or is damaged, and mend it",
    load: () => import("./check.ts"),
  },
  {
    path: "system df",
    summary: "Show Wharf disk usage",
    load: () => import("./df.ts"),
  },
  {
    path: "system dial-stdio",
    summary: "Proxy the stdio stream to the daemon connection. Should not be invoked manually.",
    hidden: true,
    load: () => import("./dial-stdio.ts"),
  },
  {
    path: "system events",
    aliases: ["events"],
    summary: "Get real time events from the server",
    load: () => import("./events.ts"),
  },
  {
    path: "system info",
    aliases: ["info"],
    summary: "Display system-wide information",
    load: () => import("./info.ts"),
  },
  {
    path: "system install",
    summary: "Install the engine as a service of systemd",
    load: () => import("./install.ts"),
  },
  {
    path: "system prune",
    summary: "Remove unused data",
    load: () => import("./prune.ts"),
  },
  {
    path: "system uninstall",
    summary: "Remove the service that install made",
    load: () => import("./uninstall.ts"),
  },
];
