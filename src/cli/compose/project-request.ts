import { readFileSync } from "node:fs";
import type { Cli } from "#cli/cli.ts";
import type { GroupFlags } from "#cli/command.ts";
import type { ProjectRequest } from "#compose/open-project.ts";

/** What the flags between `compose` and the command say of the project, over the environment. */
export function projectRequest(cli: Cli, { values }: GroupFlags): ProjectRequest {
  const environment = new Map(
    Object.entries(cli.env).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
  const text = (name: string): string | undefined => {
    const value = values[name];
    return typeof value === "string" && value !== "" ? value : undefined;
  };
  const texts = (name: string): readonly string[] => {
    const value = values[name];
    return Array.isArray(value) ? value.filter((each) => typeof each === "string") : [];
  };
  const envFiles = texts("env-file");
  const named = (environment.get("COMPOSE_ENV_FILES") ?? "").split(",");
  return {
    files: texts("file"),
    envFiles: envFiles.length > 0 ? envFiles : named.filter((file) => file !== ""),
    profiles: texts("profile"),
    projectName: text("project-name") ?? environment.get("COMPOSE_PROJECT_NAME"),
    projectDirectory: text("project-directory") ?? text("workdir"),
    directory: process.cwd(),
    environment,
    readStandardInput: () => readFileSync(0, "utf8"),
    warn: (message) => cli.errors.write(`WARNING: ${message}\n`),
  };
}
