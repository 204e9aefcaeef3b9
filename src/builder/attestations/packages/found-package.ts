/** A package that is in a tree of files. */
export interface FoundPackage {
  /** Of package URLs: `deb`, `apk`, `npm`, `pypi`. */
  readonly kind: "deb" | "apk" | "npm" | "pypi";
  readonly name: string;
  readonly version: string;
  readonly architecture?: string;
  /** As the package says it; SPDX expression or any other text. */
  readonly license?: string;
  /** Who made or looks after it. */
  readonly supplier?: string;
  readonly homepage?: string;
  /** Path in the tree that told of it. */
  readonly foundIn: string;
}

/** What a tree says of its system: `/etc/os-release`. */
export interface FoundSystem {
  /** `debian`, `alpine`. */
  readonly id: string;
  readonly version: string;
}

/** All that a scan tells. */
export interface Inventory {
  readonly system?: FoundSystem;
  /** By kind, name and version. */
  readonly packages: readonly FoundPackage[];
  /** Lists that are there and cannot be read, by path. */
  readonly skipped: readonly string[];
}
