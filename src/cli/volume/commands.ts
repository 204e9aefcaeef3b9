import type { CommandEntry } from "#cli/command/command-entry.ts";

export const volumeCommands: readonly CommandEntry[] = [
  {
    path: "volume clone",
    summary: "Make a volume with the content of another",
    load: () => import("./clone.ts"),
  },
  {
    path: "volume create",
    summary: "Create a volume",
    load: () => import("./create.ts"),
  },
  {
    path: "volume export",
    summary: "Export a volume's content as a tar archive",
    load: () => import("./export.ts"),
  },
  {
    path: "volume import",
    summary: "Make a volume from a tar archive",
    load: () => import("./import.ts"),
  },
  {
    path: "volume inspect",
    summary: "Display detailed information on one or more volumes",
    load: () => import("./inspect.ts"),
  },
  {
    path: "volume ls",
    aliases: ["volume list"],
    summary: "List volumes",
    load: () => import("./ls.ts"),
  },
  {
    path: "volume prune",
    summary: "Remove unused local volumes",
    load: () => import("./prune.ts"),
  },
  {
    path: "volume rename",
    summary: "Rename a volume",
    load: () => import("./rename.ts"),
  },
  {
    path: "volume rm",
    aliases: ["volume remove"],
    summary: "Remove one or more volumes",
    load: () => import("./rm.ts"),
  },
  {
    path: "volume update",
    summary: "Update a volume (cluster volumes only)",
    load: () => import("./update.ts"),
  },
];
