/** A folder of a client's that is kept between builds. */
export interface KeptSource {
  readonly id: string;
  readonly description: string;
  readonly sizeBytes: number;
  readonly createdMs: number;
  readonly lastUsedMs: number;
  readonly usageCount: number;
  readonly isInUse: boolean;
}

/** The folders that sessions have sent: declared here, as the build cache counts and removes them. */
export interface KeptSources {
  list(): readonly KeptSource[];
  /** @returns False where a build uses it, or there is none. */
  remove(id: string): Promise<boolean>;
}
