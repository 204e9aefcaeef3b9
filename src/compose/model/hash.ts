import { createHash } from "node:crypto";
import { network, service, volume } from "./fields.ts";
import type { Kind } from "./kinds.ts";
import type { Network, Service, Volume } from "./project.ts";
import { writeJson } from "./write-json.ts";

function hashOf<T>(kind: Kind<T>, value: T): string {
  return createHash("sha256")
    .update(writeJson(kind.write(value, "json") ?? null))
    .digest("hex");
}

/**
 * The label `com.docker.compose.config-hash`: whether a container is what the file says. How it is built,
 * pulled, scaled and in which order it starts does not count. Source: docker compose v2.40, pkg/compose/hash.go.
 *
 * @returns 64 hex digits, the same as `docker compose config --hash` prints.
 */
export function serviceHash(value: Service): string {
  const {
    build: _build,
    pull_policy: _policy,
    scale: _scale,
    depends_on: _dependencies,
    profiles: _profiles,
    deploy,
    ...rest
  } = value;
  if (deploy === undefined) return hashOf(service, rest);
  const { replicas: _replicas, ...kept } = deploy;
  return hashOf(service, { ...rest, deploy: kept });
}

/** The same of a network; the label is on it. */
export function networkHash(value: Network): string {
  return hashOf(network, value);
}

export function volumeHash(value: Volume): string {
  return hashOf(volume, { ...value, driver: value.driver ?? "local" });
}
