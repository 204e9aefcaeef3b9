import type { CommandEntry } from "#cli/command/command-entry.ts";

export const composeCommands: readonly CommandEntry[] = [
  {
    path: "compose attach",
    summary:
      "Attach local standard input, output, and error streams to a service's running container",
    load: () => import("./attach.ts"),
  },
  {
    path: "compose build",
    summary: "Build or rebuild services",
    load: () => import("./build.ts"),
  },
  {
    path: "compose commit",
    summary: "Create a new image from a service container's changes",
    load: () => import("./commit.ts"),
  },
  {
    path: "compose config",
    summary: "Parse, resolve and render compose file in canonical format",
    load: () => import("./config.ts"),
  },
  {
    path: "compose convert",
    summary: "Converts the compose file to platform's canonical format",
    load: () => import("./convert.ts"),
  },
  {
    path: "compose cp",
    summary: "Copy files/folders between a service container and the local filesystem",
    load: () => import("./cp.ts"),
  },
  {
    path: "compose create",
    summary: "Creates containers for a service",
    load: () => import("./create.ts"),
  },
  {
    path: "compose down",
    summary: "Stop and remove containers, networks",
    load: () => import("./down.ts"),
  },
  {
    path: "compose events",
    summary: "Receive real time events from containers",
    load: () => import("./events.ts"),
  },
  {
    path: "compose exec",
    summary: "Execute a command in a running container",
    load: () => import("./exec.ts"),
  },
  {
    path: "compose export",
    summary: "Export a service container's filesystem as a tar archive",
    load: () => import("./export.ts"),
  },
  {
    path: "compose images",
    summary: "List images used by the created containers",
    load: () => import("./images.ts"),
  },
  {
    path: "compose import",
    summary: "Write a Compose file of containers that run, or of 'docker run' lines",
    load: () => import("./import.ts"),
  },
  {
    path: "compose kill",
    summary: "Force stop service containers",
    load: () => import("./kill.ts"),
  },
  {
    path: "compose logs",
    summary: "View output from containers",
    load: () => import("./logs.ts"),
  },
  {
    path: "compose ls",
    summary: "List running compose projects",
    load: () => import("./ls.ts"),
  },
  {
    path: "compose pause",
    summary: "Pause services",
    load: () => import("./pause.ts"),
  },
  {
    path: "compose plan",
    summary: "Show what 'up' would change, and why, without changing anything",
    load: () => import("./plan.ts"),
  },
  {
    path: "compose port",
    summary: "Print the public port for a port binding",
    load: () => import("./port.ts"),
  },
  {
    path: "compose ps",
    summary: "List containers",
    load: () => import("./ps.ts"),
  },
  {
    path: "compose publish",
    summary: "Publish compose application",
    load: () => import("./publish.ts"),
  },
  {
    path: "compose pull",
    summary: "Pull service images",
    load: () => import("./pull.ts"),
  },
  {
    path: "compose push",
    summary: "Push service images",
    load: () => import("./push.ts"),
  },
  {
    path: "compose restart",
    summary: "Restart service containers",
    load: () => import("./restart.ts"),
  },
  {
    path: "compose rm",
    summary: "Removes stopped service containers",
    load: () => import("./rm.ts"),
  },
  {
    path: "compose run",
    summary: "Run a one-off command on a service",
    load: () => import("./run.ts"),
  },
  {
    path: "compose scale",
    summary: "Scale services",
    load: () => import("./scale.ts"),
  },
  {
    path: "compose start",
    summary: "Start services",
    load: () => import("./start.ts"),
  },
  {
    path: "compose stats",
    summary: "Display a live stream of container(s) resource usage statistics",
    load: () => import("./stats.ts"),
  },
  {
    path: "compose stop",
    summary: "Stop services",
    load: () => import("./stop.ts"),
  },
  {
    path: "compose top",
    summary: "Display the running processes",
    load: () => import("./top.ts"),
  },
  {
    path: "compose unpause",
    summary: "Unpause services",
    load: () => import("./unpause.ts"),
  },
  {
    path: "compose up",
    summary: "Create and start containers",
    load: () => import("./up.ts"),
  },
  {
    path: "compose version",
    summary: "Show the Docker Compose version information",
    load: () => import("./version.ts"),
  },
  {
    path: "compose volumes",
    summary: "List volumes",
    load: () => import("./volumes.ts"),
  },
  {
    path: "compose wait",
    summary: "Block until containers of all (or specified) services stop.",
    load: () => import("./wait.ts"),
  },
  {
    path: "compose watch",
    summary:
      "Watch build context for service and rebuild/refresh containers when files are updated",
    load: () => import("./watch.ts"),
  },
];
