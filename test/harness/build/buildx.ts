import { existsSync, mkdirSync, symlinkSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { CACHE, hasDockerCli, type TestEngine } from "../engine.ts";

const FOLDERS: readonly string[] = [
  join(homedir(), ".docker/cli-plugins"),
  "/usr/local/lib/docker/cli-plugins",
  "/usr/local/libexec/docker/cli-plugins",
  "/usr/lib/docker/cli-plugins",
  "/usr/libexec/docker/cli-plugins",
  join(CACHE, "docker-buildx/usr/libexec/docker/cli-plugins"),
];

const BUILDX: string | undefined = FOLDERS.map((folder) => join(folder, "docker-buildx")).find(
  (path) => existsSync(path),
);

/** The docker CLI with the plugin that builds by BuildKit. */
export const hasBuildx: boolean = hasDockerCli && BUILDX !== undefined;

/** Lets the engine's docker CLI find the plugin. */
export function addBuildx(engine: Pick<TestEngine, "root">): void {
  if (BUILDX === undefined) return;
  const folder = join(engine.root, "client/cli-plugins");
  mkdirSync(folder, { recursive: true });
  symlinkSync(BUILDX, join(folder, "docker-buildx"));
}
