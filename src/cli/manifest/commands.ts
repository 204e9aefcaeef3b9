import type { CommandEntry } from "#cli/command/command-entry.ts";

export const manifestCommands: readonly CommandEntry[] = [
  {
    path: "manifest annotate",
    summary: "Add additional information to a local image manifest",
    load: () => import("./annotate.ts"),
  },
  {
    path: "manifest create",
    summary: "Create a local manifest list for annotating and pushing to a registry",
    load: () => import("./create.ts"),
  },
  {
    path: "manifest inspect",
    summary: "Display an image manifest, or manifest list",
    load: () => import("./inspect.ts"),
  },
  {
    path: "manifest push",
    summary: "Push a manifest list to a repository",
    load: () => import("./push.ts"),
  },
  {
    path: "manifest rm",
    summary: "Delete one or more manifest lists from local storage",
    load: () => import("./rm.ts"),
  },
];
