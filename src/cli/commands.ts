import type { Command } from "./command.ts";

/** One line of the command table. */
export interface CommandEntry {
  /** What the user types after the program's name: `container ls`. */
  readonly path: string;
  /** Other full spellings, in the order of docker's help: `container list`, `ps`. */
  readonly aliases?: readonly string[];
  readonly summary: string;
  readonly hidden?: boolean;
  readonly load: () => Promise<{ readonly command: Command }>;
}

/** A first word that only holds further commands. */
export interface GroupEntry {
  readonly name: string;
  readonly summary: string;
}

export const groups: readonly GroupEntry[] = [
  { name: "checkpoint", summary: "Manage checkpoints" },
  { name: "completion", summary: "Generate the autocompletion script for a shell" },
  { name: "container", summary: "Manage containers" },
  { name: "context", summary: "Manage contexts" },
  { name: "image", summary: "Manage images" },
  { name: "network", summary: "Manage networks" },
  { name: "plugin", summary: "Manage plugins" },
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

export const commands: readonly CommandEntry[] = [
  {
    path: "checkpoint create",
    summary: "Create a checkpoint from a running container",
    load: () => import("./checkpoint/create.ts"),
  },
  {
    path: "checkpoint ls",
    aliases: ["checkpoint list"],
    summary: "List checkpoints for a container",
    load: () => import("./checkpoint/ls.ts"),
  },
  {
    path: "checkpoint rm",
    aliases: ["checkpoint remove"],
    summary: "Remove a checkpoint",
    load: () => import("./checkpoint/rm.ts"),
  },
  {
    path: "completion bash",
    summary: "Generate the autocompletion script for bash",
    load: () => import("./completion/bash.ts"),
  },
  {
    path: "completion fish",
    summary: "Generate the autocompletion script for fish",
    load: () => import("./completion/fish.ts"),
  },
  {
    path: "completion zsh",
    summary: "Generate the autocompletion script for zsh",
    load: () => import("./completion/zsh.ts"),
  },
  {
    path: "container attach",
    aliases: ["attach"],
    summary: "Attach local standard input, output, and error streams to a running container",
    load: () => import("./container/attach.ts"),
  },
  {
    path: "container commit",
    aliases: ["commit"],
    summary: "Create a new image from a container's changes",
    load: () => import("./container/commit.ts"),
  },
  {
    path: "container cp",
    aliases: ["cp"],
    summary: "Copy files/folders between a container and the local filesystem",
    load: () => import("./container/cp.ts"),
  },
  {
    path: "container create",
    aliases: ["create"],
    summary: "Create a new container",
    load: () => import("./container/create.ts"),
  },
  {
    path: "container diff",
    aliases: ["diff"],
    summary: "Inspect changes to files or directories on a container's filesystem",
    load: () => import("./container/diff.ts"),
  },
  {
    path: "container exec",
    aliases: ["exec"],
    summary: "Execute a command in a running container",
    load: () => import("./container/exec.ts"),
  },
  {
    path: "container export",
    aliases: ["export"],
    summary: "Export a container's filesystem as a tar archive",
    load: () => import("./container/export.ts"),
  },
  {
    path: "container inspect",
    summary: "Display detailed information on one or more containers",
    load: () => import("./container/inspect.ts"),
  },
  {
    path: "container kill",
    aliases: ["kill"],
    summary: "Kill one or more running containers",
    load: () => import("./container/kill.ts"),
  },
  {
    path: "container logs",
    aliases: ["logs"],
    summary: "Fetch the logs of a container",
    load: () => import("./container/logs.ts"),
  },
  {
    path: "container ls",
    aliases: ["container list", "container ps", "ps"],
    summary: "List containers",
    load: () => import("./container/ls.ts"),
  },
  {
    path: "container pause",
    aliases: ["pause"],
    summary: "Pause all processes within one or more containers",
    load: () => import("./container/pause.ts"),
  },
  {
    path: "container port",
    aliases: ["port"],
    summary: "List port mappings or a specific mapping for the container",
    load: () => import("./container/port.ts"),
  },
  {
    path: "container prune",
    summary: "Remove all stopped containers",
    load: () => import("./container/prune.ts"),
  },
  {
    path: "container rename",
    aliases: ["rename"],
    summary: "Rename a container",
    load: () => import("./container/rename.ts"),
  },
  {
    path: "container restart",
    aliases: ["restart"],
    summary: "Restart one or more containers",
    load: () => import("./container/restart.ts"),
  },
  {
    path: "container rm",
    aliases: ["container remove", "rm"],
    summary: "Remove one or more containers",
    load: () => import("./container/rm.ts"),
  },
  {
    path: "container run",
    aliases: ["run"],
    summary: "Create and run a new container from an image",
    load: () => import("./container/run.ts"),
  },
  {
    path: "container start",
    aliases: ["start"],
    summary: "Start one or more stopped containers",
    load: () => import("./container/start.ts"),
  },
  {
    path: "container stats",
    aliases: ["stats"],
    summary: "Display a live stream of container(s) resource usage statistics",
    load: () => import("./container/stats.ts"),
  },
  {
    path: "container stop",
    aliases: ["stop"],
    summary: "Stop one or more running containers",
    load: () => import("./container/stop.ts"),
  },
  {
    path: "container top",
    aliases: ["top"],
    summary: "Display the running processes of a container",
    load: () => import("./container/top.ts"),
  },
  {
    path: "container unpause",
    aliases: ["unpause"],
    summary: "Unpause all processes within one or more containers",
    load: () => import("./container/unpause.ts"),
  },
  {
    path: "container update",
    aliases: ["update"],
    summary: "Update configuration of one or more containers",
    load: () => import("./container/update.ts"),
  },
  {
    path: "container wait",
    aliases: ["wait"],
    summary: "Block until one or more containers stop, then print their exit codes",
    load: () => import("./container/wait.ts"),
  },
  {
    path: "context create",
    summary: "Create a context",
    load: () => import("./context/create.ts"),
  },
  {
    path: "context export",
    summary: "Export a context to a tar archive FILE or a tar stream on STDOUT.",
    load: () => import("./context/export.ts"),
  },
  {
    path: "context import",
    summary: "Import a context from a tar or zip file",
    load: () => import("./context/import.ts"),
  },
  {
    path: "context inspect",
    summary: "Display detailed information on one or more contexts",
    load: () => import("./context/inspect.ts"),
  },
  {
    path: "context ls",
    aliases: ["context list"],
    summary: "List contexts",
    load: () => import("./context/ls.ts"),
  },
  {
    path: "context rm",
    aliases: ["context remove"],
    summary: "Remove one or more contexts",
    load: () => import("./context/rm.ts"),
  },
  {
    path: "context show",
    summary: "Print the name of the current context",
    load: () => import("./context/show.ts"),
  },
  {
    path: "context update",
    summary: "Update a context",
    load: () => import("./context/update.ts"),
  },
  {
    path: "context use",
    summary: "Set the current docker context",
    load: () => import("./context/use.ts"),
  },
  {
    path: "debug",
    summary: "Run tools beside a container that has none, without changing it",
    load: () => import("./debug.ts"),
  },
  {
    path: "image history",
    aliases: ["history"],
    summary: "Show the history of an image",
    load: () => import("./image/history.ts"),
  },
  {
    path: "image import",
    aliases: ["import"],
    summary: "Import the contents from a tarball to create a filesystem image",
    load: () => import("./image/import.ts"),
  },
  {
    path: "image inspect",
    summary: "Display detailed information on one or more images",
    load: () => import("./image/inspect.ts"),
  },
  {
    path: "image load",
    aliases: ["load"],
    summary: "Load an image from a tar archive or STDIN",
    load: () => import("./image/load.ts"),
  },
  {
    path: "image ls",
    aliases: ["image list", "images"],
    summary: "List images",
    load: () => import("./image/ls.ts"),
  },
  {
    path: "image prune",
    summary: "Remove unused images",
    load: () => import("./image/prune.ts"),
  },
  {
    path: "image rm",
    aliases: ["image remove", "image rmi", "rmi"],
    summary: "Remove one or more images",
    load: () => import("./image/rm.ts"),
  },
  {
    path: "image save",
    aliases: ["save"],
    summary: "Save one or more images to a tar archive (streamed to STDOUT by default)",
    load: () => import("./image/save.ts"),
  },
  {
    path: "image tag",
    aliases: ["tag"],
    summary: "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE",
    load: () => import("./image/tag.ts"),
  },
  {
    path: "inspect",
    summary: "Return low-level information on Wharf objects",
    load: () => import("./inspect.ts"),
  },
  {
    path: "network connect",
    summary: "Connect a container to a network",
    load: () => import("./network/connect.ts"),
  },
  {
    path: "network create",
    summary: "Create a network",
    load: () => import("./network/create.ts"),
  },
  {
    path: "network disconnect",
    summary: "Disconnect a container from a network",
    load: () => import("./network/disconnect.ts"),
  },
  {
    path: "network inspect",
    summary: "Display detailed information on one or more networks",
    load: () => import("./network/inspect.ts"),
  },
  {
    path: "network ls",
    aliases: ["network list"],
    summary: "List networks",
    load: () => import("./network/ls.ts"),
  },
  {
    path: "network prune",
    summary: "Remove all unused networks",
    load: () => import("./network/prune.ts"),
  },
  {
    path: "network rm",
    aliases: ["network remove"],
    summary: "Remove one or more networks",
    load: () => import("./network/rm.ts"),
  },
  {
    path: "plugin create",
    summary:
      "Create a plugin from a rootfs and configuration. Plugin data directory must contain config.json and rootfs directory.",
    load: () => import("./plugin/create.ts"),
  },
  {
    path: "plugin disable",
    summary: "Disable a plugin",
    load: () => import("./plugin/disable.ts"),
  },
  {
    path: "plugin enable",
    summary: "Enable a plugin",
    load: () => import("./plugin/enable.ts"),
  },
  {
    path: "plugin inspect",
    summary: "Display detailed information on one or more plugins",
    load: () => import("./plugin/inspect.ts"),
  },
  {
    path: "plugin ls",
    aliases: ["plugin list"],
    summary: "List plugins",
    load: () => import("./plugin/ls.ts"),
  },
  {
    path: "plugin rm",
    aliases: ["plugin remove"],
    summary: "Remove one or more plugins",
    load: () => import("./plugin/rm.ts"),
  },
  {
    path: "plugin set",
    summary: "Change settings for a plugin",
    load: () => import("./plugin/set.ts"),
  },
  {
    path: "system check",
    summary: "Find what leaked or is damaged, and mend it",
    load: () => import("./system/check.ts"),
  },
  {
    path: "system df",
    summary: "Show Wharf disk usage",
    load: () => import("./system/df.ts"),
  },
  {
    path: "system dial-stdio",
    summary: "Proxy the stdio stream to the daemon connection. Should not be invoked manually.",
    hidden: true,
    load: () => import("./system/dial-stdio.ts"),
  },
  {
    path: "system events",
    aliases: ["events"],
    summary: "Get real time events from the server",
    load: () => import("./system/events.ts"),
  },
  {
    path: "system info",
    aliases: ["info"],
    summary: "Display system-wide information",
    load: () => import("./system/info.ts"),
  },
  {
    path: "system install",
    summary: "Install the engine as a service of systemd",
    load: () => import("./system/install.ts"),
  },
  {
    path: "system prune",
    summary: "Remove unused data",
    load: () => import("./system/prune.ts"),
  },
  {
    path: "system uninstall",
    summary: "Remove the service that install made",
    load: () => import("./system/uninstall.ts"),
  },
  {
    path: "version",
    summary: "Show the Wharf version information",
    load: () => import("./version.ts"),
  },
  {
    path: "volume clone",
    summary: "Make a volume with the content of another",
    load: () => import("./volume/clone.ts"),
  },
  {
    path: "volume create",
    summary: "Create a volume",
    load: () => import("./volume/create.ts"),
  },
  {
    path: "volume export",
    summary: "Export a volume's content as a tar archive",
    load: () => import("./volume/export.ts"),
  },
  {
    path: "volume import",
    summary: "Make a volume from a tar archive",
    load: () => import("./volume/import.ts"),
  },
  {
    path: "volume inspect",
    summary: "Display detailed information on one or more volumes",
    load: () => import("./volume/inspect.ts"),
  },
  {
    path: "volume ls",
    aliases: ["volume list"],
    summary: "List volumes",
    load: () => import("./volume/ls.ts"),
  },
  {
    path: "volume prune",
    summary: "Remove unused local volumes",
    load: () => import("./volume/prune.ts"),
  },
  {
    path: "volume rename",
    summary: "Rename a volume",
    load: () => import("./volume/rename.ts"),
  },
  {
    path: "volume rm",
    aliases: ["volume remove"],
    summary: "Remove one or more volumes",
    load: () => import("./volume/rm.ts"),
  },
  {
    path: "volume update",
    summary: "Update a volume (cluster volumes only)",
    load: () => import("./volume/update.ts"),
  },
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
export const laterCommands: readonly string[] = [
  "bake",
  "build",
  "image build",
  "image pull",
  "image push",
  "login",
  "logout",
  "plugin install",
  "plugin push",
  "plugin upgrade",
  "pull",
  "push",
  "search",
];

/** Groups of which this version has no command. */
export const laterGroups: readonly string[] = [
  "builder",
  "buildx",
  "config",
  "manifest",
  "node",
  "secret",
  "service",
  "stack",
  "swarm",
  "trust",
];
