import type { CommandEntry } from "#cli/command-entry.ts";

export const composeCommands: readonly CommandEntry[] = [
  {
    path: "compose build",
    summary: "Build or rebuild services",
    load: () => import("./build.ts"),
  },
  {
    path: "compose config",
    summary: "Parse, resolve and render compose file in canonical format",
    load: () => import("./config.ts"),
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
    path: "compose ps",
    summary: "List containers",
    load: () => import("./ps.ts"),
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
    path: "compose start",
    summary: "Start services",
    load: () => import("./start.ts"),
  },
  {
    path: "compose stop",
    summary: "Stop services",
    load: () => import("./stop.ts"),
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
];
