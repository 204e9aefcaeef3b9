import type { Command } from "#cli/command/command.ts";
import { verbCommand } from "./verb.ts";

export const command: Command = verbCommand(
  "pause",
  ["Pausing", "Paused"],
  ({ state }) => state === "running",
);
