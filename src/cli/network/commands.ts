import type { CommandEntry } from "#cli/command/command-entry.ts";

export const networkCommands: readonly CommandEntry[] = [
  {
    path: "network connect",
    summary: "Connect a container to a network",
    load: () => import("./connect.ts"),
  },
  {
    path: "network create",
    summary: "Create a network",
    load: () => import("./create.ts"),
  },
  {
    path: "network disconnect",
    summary: "Disconnect a container from a network",
    load: () => import("./disconnect.ts"),
  },
  {
    path: "network inspect",
    summary: "Display detailed information on one or more networks",
    load: () => import("./inspect.ts"),
  },
  {
    path: "network ls",
    aliases: ["network list"],
    summary: "List networks",
    load: () => import("./ls.ts"),
  },
  {
    path: "network prune",
    summary: "Remove all unused networks",
    load: () => import("./prune.ts"),
  },
  {
    path: "network rm",
    aliases: ["network remove"],
    summary: "Remove one or more networks",
    load: () => import("./rm.ts"),
  },
];
