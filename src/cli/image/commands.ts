import type { CommandEntry } from "#cli/command/command-entry.ts";

export const imageCommands: readonly CommandEntry[] = [
  {
    path: "image build",
    aliases: ["build", "builder build"],
    summary: "Build an image from a Dockerfile",
    load: () => import("./build.ts"),
  },
  {
    path: "image copy",
    summary: "Copy images to another engine, without a registry",
    load: () => import("./copy.ts"),
  },
  {
    path: "image gc",
    summary: "Remove images that a policy takes",
    load: () => import("./gc.ts"),
  },
  {
    path: "image history",
    aliases: ["history"],
    summary: "Show the history of an image",
    load: () => import("./history.ts"),
  },
  {
    path: "image import",
    aliases: ["import"],
    summary: "Import the contents from a tarball to create a filesystem image",
    load: () => import("./import.ts"),
  },
  {
    path: "image inspect",
    summary: "Display detailed information on one or more images",
    load: () => import("./inspect.ts"),
  },
  {
    path: "image load",
    aliases: ["load"],
    summary: "Load an image from a tar archive or STDIN",
    load: () => import("./load.ts"),
  },
  {
    path: "image ls",
    aliases: ["image list", "images"],
    summary: "List images",
    load: () => import("./ls.ts"),
  },
  {
    path: "image prune",
    summary: "Remove unused images",
    load: () => import("./prune.ts"),
  },
  {
    path: "image pull",
    aliases: ["pull"],
    summary: "Download an image from a registry",
    load: () => import("./pull.ts"),
  },
  {
    path: "image push",
    aliases: ["push"],
    summary: "Upload an image to a registry",
    load: () => import("./push.ts"),
  },
  {
    path: "image referrers",
    summary: "List what refers to an image in its registry: signatures, bills of materials",
    load: () => import("./referrers.ts"),
  },
  {
    path: "image rm",
    aliases: ["image remove", "image rmi", "rmi"],
    summary: "Remove one or more images",
    load: () => import("./rm.ts"),
  },
  {
    path: "image save",
    aliases: ["save"],
    summary: "Save one or more images to a tar archive (streamed to STDOUT by default)",
    load: () => import("./save.ts"),
  },
  {
    path: "image tag",
    aliases: ["tag"],
    summary: "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE",
    load: () => import("./tag.ts"),
  },
];
