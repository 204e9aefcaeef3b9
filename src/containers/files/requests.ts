import type { ContainerConfig } from "#spec/engine-api/container-config.ts";

/** Where an archive goes. */
export interface ArchiveTarget {
  /** A folder in the container. */
  readonly path: string;
  /** Refuses to replace a folder by something else, and something else by a folder. */
  readonly keepsKinds: boolean;
  /** Gives all that is written to the user that the container runs as. */
  readonly ownedByUser: boolean;
}

export interface CommitContainerRequest {
  /** `repository[:tag]`; the image has no name without. */
  readonly reference?: string;
  readonly author: string;
  readonly comment: string;
  /** Dockerfile instructions. */
  readonly changes: readonly string[];
  /** In place of the container's own configuration, which fills in what it leaves open. */
  readonly config?: ContainerConfig;
  readonly pause: boolean;
}
