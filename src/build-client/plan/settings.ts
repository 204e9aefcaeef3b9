import type { Ulimit } from "#spec/engine-api/host-config.ts";

/** A build as a user says it, in the texts of `docker buildx build`'s flags; what is absent is left to the engine. */
export interface BuildSettings {
  /** A path, a URL, or `-`. */
  readonly context: string;
  /** Path or URL of the Dockerfile; `-` for standard input. In the context, called Dockerfile, when absent. */
  readonly file?: string;
  /** The Dockerfile itself, in place of `file`. */
  readonly dockerfileText?: string;
  readonly addHosts?: readonly string[];
  readonly allow?: readonly string[];
  readonly annotations?: readonly string[];
  readonly attests?: readonly string[];
  readonly provenance?: string;
  readonly sbom?: string;
  /** `NAME=VALUE`; `NAME` alone is taken from the environment. */
  readonly buildArgs?: readonly string[];
  /** `NAME=PATH|URL|docker-image://…` */
  readonly contexts?: readonly string[];
  readonly cacheFrom?: readonly string[];
  readonly cacheTo?: readonly string[];
  readonly cgroupParent?: string;
  readonly labels?: readonly string[];
  readonly network?: string;
  readonly hasNoCache?: boolean;
  readonly noCacheFilter?: readonly string[];
  readonly outputs?: readonly string[];
  readonly platforms?: readonly string[];
  readonly pulls?: boolean;
  readonly pushes?: boolean;
  readonly loads?: boolean;
  readonly secrets?: readonly string[];
  readonly ssh?: readonly string[];
  readonly shmSizeBytes?: number;
  readonly tags?: readonly string[];
  readonly target?: string;
  readonly ulimits?: readonly Ulimit[];
  /** Attributes that no flag has, by name: limits of steps. */
  readonly more?: Readonly<Record<string, string>>;
}

/** What of the client's side a plan may look at. */
export interface PlanParts {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Standard input, for `-`. */
  readonly input: () => AsyncIterable<Uint8Array>;
  /** Standard output, for results; undefined where that is a terminal. */
  readonly output?: (bytes: Uint8Array) => Promise<void>;
  /** Told of what is passed over. */
  readonly onNotice?: (text: string) => void;
  /** Proxy variables of the client's configuration, in capitals. */
  readonly proxyArgs?: Readonly<Record<string, string>>;
}
