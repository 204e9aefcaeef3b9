import type { BuildOptions } from "#builder/attributes.ts";
import type { SolveRequest } from "#builder/builder.ts";
import type { Dockerfile } from "#builder/language/stages.ts";
import type { ImportedCaches } from "#builder/cache/shared/imported-caches.ts";
import type { BuilderParts } from "#builder/parts.ts";
import type { Definition } from "#builder/sources/contexts.ts";
import type { Lease } from "#images/leases.ts";
import type { ChainId } from "#spec/digest.ts";
import type { Platform } from "#spec/platform.ts";
import type { BuiltLayer } from "./built-layer.ts";
import type { CacheMounts } from "./cache-mounts.ts";
import type { StepMemory } from "#builder/why/step-memory.ts";
import type { StepLayers } from "./step-layers.ts";
import type { Vertices } from "./vertices.ts";

/** What the solvers of all builds share. */
export interface SharedSolving {
  readonly parts: BuilderParts;
  readonly layers: StepLayers;
  readonly caches: CacheMounts;
  readonly memory: StepMemory;
  /** Steps under way, by key: a second build waits for the first. */
  readonly underWay: Map<string, Promise<BuiltLayer>>;
  /** How many results and builds under way need a layer. */
  readonly inUse: Map<ChainId, number>;
}

/** What one solver works on: a file for a platform. */
export interface Solving {
  readonly request: SolveRequest;
  readonly options: BuildOptions;
  readonly definition: Definition;
  readonly file: Dockerfile;
  readonly platform: Platform;
  readonly vertices: Vertices;
  readonly lease: Lease;
  readonly imported: ImportedCaches;
  /** Cache mounts that steps without a cache have begun anew; one set for all platforms of a build. */
  readonly emptiedCaches: Set<string>;
}
