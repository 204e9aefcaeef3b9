import type { CommandEntry } from "#cli/command/command-entry.ts";

export const contextCommands: readonly CommandEntry[] = [
  {
    path: "context create",
    summary: "Create a context",
    load: () => import("./create.ts"),
  },
  {
    path: "context export",
    summary: "Export a context to a tar archive FILE or a tar stream on STDOUT.",
    load: () => import("./export.ts"),
  },
  {
    path: "context import",
    summary: "Import a context from a tar or zip file",
    load: () => import("./import.ts"),
  },
  {
    path: "context inspect",
    summary: "Display detailed information on one or more contexts",
    load: () => import("./inspect.ts"),
  },
  {
    path: "context ls",
    aliases: ["context list"],
    summary: "List contexts",
    load: () => import("./ls.ts"),
  },
  {
    path: "context rm",
    aliases: ["context remove"],
    summary: "Remove one or more contexts",
    load: () => import("./rm.ts"),
  },
  {
    path: "context show",
    summary: "Print the name of the current context",
    load: () => import("./show.ts"),
  },
  {
    path: "context update",
    summary: "Update a context",
    load: () => import("./update.ts"),
  },
  {
    path: "context use",
    summary: "Set the current docker context",
    load: () => import("./use.ts"),
  },
];
