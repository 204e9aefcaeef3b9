import type { Digest } from "#spec/digest.ts";
import type { RepositoryName } from "#spec/distribution/names.ts";

/** Something happened to a manifest. */
export interface RegistryEvent {
  readonly id: string;
  readonly atMs: number;
  readonly action: "push" | "pull" | "delete";
  readonly repository: RepositoryName;
  readonly digest: Digest;
  /** Absent for what was named by digest. */
  readonly tag?: string;
  readonly mediaType: string;
  readonly sizeBytes: number;
  /** User, robot, or `anonymous`. */
  readonly actor: string;
  readonly address: string;
  /** As its client sees the registry: `https://registry.example.com`. */
  readonly origin: string;
}

/** Called for each event, in order; must not throw, and does its work behind the answer. */
export type EventListener = (event: RegistryEvent) => void;
