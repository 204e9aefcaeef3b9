import type { Volumes } from "#volumes/volumes.ts";

/** What the volume endpoints need of the engine. */
export type VolumesBackend = Pick<Volumes, "create" | "inspect" | "listAll" | "remove" | "prune">;
