import type { AgentSource } from "./ssh/open-agent.ts";
import type { CacheOptionsEntry, Definition } from "#spec/buildkit/shared.ts";

/** Where a secret is read when a step asks for it. */
export type SecretPlace =
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "text"; readonly text: string };

/** Where on the client's side a result goes. */
export type OutputPlace =
  /** To the engine's images, or a registry: nothing comes to the client. */
  | { readonly kind: "engine" }
  /** Files come into this folder, beside those that are there. */
  | { readonly kind: "folder"; readonly path: string }
  /** An archive; the path is replaced when it is whole. */
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "stream"; readonly write: (bytes: Uint8Array) => Promise<void> };

/** An exporter, and what of it comes to the client. */
export interface BuildOutput {
  /** `moby`, `image`, `local`, `tar`, `docker`, `oci`, … */
  readonly type: string;
  /** BuildKit's, without the place: `name`, `push`, `annotation.KEY`. */
  readonly attributes: ReadonlyMap<string, string>;
  readonly place: OutputPlace;
}

/** A build as the engine is asked for it. */
export interface BuildRequest {
  /** Of the frontend `dockerfile.v0`: `filename`, `target`, `build-arg:NAME`, `context:NAME`. */
  readonly attributes: ReadonlyMap<string, string>;
  /** Folders that may be asked for, absolute: `context`, `dockerfile`, and those of `context:NAME=local:ID` by id. */
  readonly folders: ReadonlyMap<string, string>;
  readonly secrets: ReadonlyMap<string, SecretPlace>;
  /** By id. */
  readonly agents: ReadonlyMap<string, AgentSource>;
  /** What stands behind `http://buildkit-session/ID`, each read once. */
  readonly uploads: ReadonlyMap<string, AsyncIterable<Uint8Array>>;
  /** Results of other builds, for `context:NAME=input:NAME`. */
  readonly inputs?: ReadonlyMap<string, Definition>;
  /** Folders of blobs by the names that the engine has for them: `local:PATH`. */
  readonly stores: ReadonlyMap<string, string>;
  readonly outputs: readonly BuildOutput[];
  readonly cacheImports: readonly CacheOptionsEntry[];
  readonly cacheExports: readonly CacheOptionsEntry[];
  /** `network.host`, `security.insecure` */
  readonly entitlements: readonly string[];
}
