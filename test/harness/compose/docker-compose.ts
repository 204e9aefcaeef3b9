import { existsSync } from "node:fs";
import { join } from "node:path";
import { CACHE } from "../engine.ts";

const CACHED = join(CACHE, "docker-compose/usr/libexec/docker/cli-plugins/docker-compose");

/** The unmodified docker compose v2: where the variable says, else what `npm test` has fetched, else on the PATH. */
export const DOCKER_COMPOSE: string | undefined =
  process.env["WHARF_TEST_COMPOSE"] ??
  (existsSync(CACHED) ? CACHED : (Bun.which("docker-compose") ?? undefined));
