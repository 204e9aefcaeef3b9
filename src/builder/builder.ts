import type { CacheLimits } from "#builder/cache/limits.ts";
import type { BuildOutline, BuildTargets } from "#spec/buildkit/outline.ts";
import type { Filters } from "#spec/engine-api/filters.ts";
import type { Digest } from "#spec/digest.ts";
import type { Descriptor, ImageConfig } from "#spec/oci-image.ts";
import type { Platform } from "#spec/platform.ts";
import type { Attestation } from "./attestations/statement.ts";
import type { FrontendAttributes } from "./attributes.ts";
import type { CheckReport } from "./checks/check-dockerfile.ts";
import type { SourceText } from "./language/dockerfile-error.ts";
import type { CacheLocation } from "./cache/shared/location.ts";
import type { ClientStores } from "./cache/shared/places.ts";
import type { OnBuildEvent } from "./events.ts";
import type { BuiltLayer } from "./solver/built-layer.ts";
import type { OnStepFailed } from "./solver/failed-step.ts";
import type { CredentialSource } from "./sources/image-source.ts";
import type { LocalSources } from "./sources/local-source.ts";

/** Secrets of the client's, asked for when a step needs them. */
export interface SecretSource {
  /** @returns Undefined where the client has none of that id. */
  read(id: string, signal: AbortSignal): Promise<Uint8Array | undefined>;
}

/** Agents of the client's. */
export interface SshSource {
  /** Whether the client offers an agent of that id. */
  has(id: string, signal: AbortSignal): Promise<boolean>;
  /** Serves connections to a new socket at `path` by the client's agent, until disposed of. */
  serve(id: string, path: string, signal: AbortSignal): Promise<AsyncDisposable>;
}

/** The result of an earlier build as a named context: an image whose layers the engine has. */
export interface BuildInput {
  readonly config: ImageConfig;
  /** From the bottom up, as many as the configuration names. */
  readonly layers: readonly Descriptor[];
}

/** A build up to its result, without giving it to anybody. */
export interface SolveRequest {
  readonly attributes: FrontendAttributes;
  /** Folders of the client's by name: `context`, `dockerfile` and those of `context:NAME=local:ID`. */
  readonly locals: LocalSources;
  readonly secrets: SecretSource;
  readonly ssh: SshSource;
  /** Nobody to any registry when absent. */
  readonly credentials?: CredentialSource;
  /** What `context:NAME=input:NAME` means, by name. */
  readonly inputs?: ReadonlyMap<string, BuildInput>;
  /** Caches elsewhere that steps may be taken from. */
  readonly cacheImports?: readonly CacheLocation[];
  /** For caches that are folders of the client's. */
  readonly stores?: ClientStores;
  /** `network.host`, `security.insecure`: what steps may ask for. */
  readonly entitlements: ReadonlySet<string>;
  readonly onEvent: OnBuildEvent;
  /** All else that the build does has been given up when it is called. */
  readonly onStepFailed?: OnStepFailed;
  /** `# syntax=` names what the file is read by, which docker's classic builder takes for a comment. */
  readonly mindsSyntax?: boolean;
}

/** What the checks of a file need to know of the build. */
export type CheckBuildRequest = Pick<
  SolveRequest,
  "attributes" | "locals" | "credentials" | "onEvent"
>;

/** What the build checks found. */
export interface Checked extends CheckReport {
  readonly source: SourceText;
}

/** What a file offers to whoever builds it. */
export interface Described {
  readonly outline: () => BuildOutline;
  readonly targets: () => BuildTargets;
  readonly source: SourceText;
}

/** What the target's stage began with: an image, or another stage. */
export interface StageBase {
  /** Undefined for `FROM scratch`. */
  readonly imageId?: Digest;
  /** How many of the result's layers, and of its lines of history, are its. */
  readonly layerCount: number;
  readonly historyCount: number;
}

/** The result for one platform. */
export interface SolvedImage {
  readonly platform: Platform;
  /** Without times for steps that have no files. @see finishConfig */
  readonly config: ImageConfig;
  readonly layers: readonly BuiltLayer[];
  readonly base: StageBase;
  /** `SOURCE_DATE_EPOCH`: no time of the result is to be later. */
  readonly sourceDateSeconds?: number;
  /** What is stated of it: where it comes from, what is in it. */
  readonly attestations: readonly Attestation[];
}

/** What was built, held until it is disposed of. */
export interface Solved extends AsyncDisposable {
  readonly images: readonly SolvedImage[];
}

/** Files of a result for a folder of the client's. */
export interface ExportedTree {
  /** Folder that they go into; empty for the top. */
  readonly prefix: string;
  /** Absolute, on this host. */
  readonly path: string;
  /** More files, at the top of it. */
  readonly files: readonly {
    readonly name: string;
    readonly bytes: Uint8Array;
    readonly mode: number;
  }[];
}

/** What is made of a result. The attributes are BuildKit's. */
export interface ExportRequest {
  /**
   * `image` (also `moby`): into this engine's images, `name` (several by commas). `local` and `tar`: the files;
   * `docker` and `oci`: an archive.
   */
  readonly type: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** Where an archive goes; needed by `tar`, `docker` and `oci`. */
  readonly output?: (bytes: AsyncIterable<Uint8Array>) => Promise<void>;
  /** Reads the folders of `local`; they are gone when the promise settles. */
  readonly tree?: (exported: {
    /** By prefix. */
    readonly trees: readonly ExportedTree[];
    /** What all files are to have as their time, in seconds since 1970; their own where absent. */
    readonly timeSeconds?: number;
  }) => Promise<void>;
  /** The image tells in its configuration what its layers were made by, so that it serves as a cache. */
  readonly isInlineCache?: boolean;
  /** The layers of the target's stage become one; the image that has them singly is told of in its history. */
  readonly squashOf?: Digest;
  /** For `push`; nobody to any registry when absent. */
  readonly credentials?: CredentialSource;
  readonly onEvent: OnBuildEvent;
}

/** What an exporter tells the client: `containerimage.digest`, `image.name`, … */
export type ExportResponse = Readonly<Record<string, string>>;

/** One thing that the builder keeps for later builds. */
export interface CacheRecord {
  readonly id: string;
  readonly type: "regular" | "exec.cachemount" | "source.local";
  readonly description: string;
  readonly parents: readonly string[];
  readonly sizeBytes: number;
  readonly isInUse: boolean;
  readonly isShared: boolean;
  readonly createdMs: number;
  readonly lastUsedMs?: number;
  readonly usageCount: number;
}

export interface Builder extends AsyncDisposable {
  /**
   * Builds. Steps that are done stay cached, also when a later one fails. An abort ends what runs and leaves nothing else.
   *
   * @throws {DockerfileError} With the place. {StepFailedError} A command's exit code. {InvalidArgumentError} Anything else
   *   that the caller asked for and cannot be.
   */
  solve(request: SolveRequest, signal: AbortSignal): Promise<Solved>;
  /**
   * Goes through a Dockerfile without building or fetching anything.
   *
   * @throws {DockerfileError} It cannot be read.
   */
  check(request: CheckBuildRequest, signal: AbortSignal): Promise<Checked>;
  /**
   * What a target may be given, and which targets there are, without building or fetching anything.
   *
   * @throws {DockerfileError} The file cannot be read; there is no such target.
   */
  describe(request: CheckBuildRequest, signal: AbortSignal): Promise<Described>;
  /** @throws {InvalidArgumentError} An exporter or attribute that there is not. */
  export(solved: Solved, request: ExportRequest, signal: AbortSignal): Promise<ExportResponse>;
  /** Writes what steps made to a place where other builds find it. @throws {UnsupportedError} A kind of place there is not. */
  exportCache(
    solved: Solved,
    request: {
      readonly location: CacheLocation;
      readonly credentials?: CredentialSource;
      readonly stores?: ClientStores;
      readonly onEvent: OnBuildEvent;
    },
    signal: AbortSignal,
  ): Promise<ExportResponse>;
  usage(): Promise<readonly CacheRecord[]>;
  /** Removes what is not in use; with `all` what images share too. */
  prune(request: {
    readonly all: boolean;
    readonly filters: Filters;
    readonly limits?: CacheLimits;
  }): Promise<{
    readonly ids: readonly string[];
    readonly reclaimedBytes: number;
  }>;
}
