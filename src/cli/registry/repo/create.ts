import type { Command } from "#cli/command/command.ts";
import { defineSettingsCommand } from "#cli/registry/repository-settings.ts";

export const command: Command = defineSettingsCommand("PUT");
