import { setTimeout as delay } from "node:timers/promises";
import { FailedPreconditionError, InvalidArgumentError, NotFoundError } from "#base/errors.ts";
import { JsonReader } from "#base/json-reader.ts";
import { parseJson } from "#base/json.ts";
import { wharfVersion } from "#base/version.ts";
import type { Cli } from "#cli/cli.ts";
import { openCredentialStore } from "#cli/registry-auth.ts";
import { NoCredentialsError, RegistryAnswerError } from "#registry-client/errors.ts";
import { CERTIFICATE_FOLDERS, readHostAuthorities } from "#registry-client/host-trust.ts";
import { NoConnectionError } from "#registry-client/http/url-errors.ts";
import { RegistryClient } from "#registry-client/registry-client.ts";
import type { FetchedManifest, Repository } from "#registry-client/repository.ts";
import { type Digest, digestOf } from "#spec/digest.ts";
import { serverAddressOfDomain, toCredentials } from "#spec/engine-api/registry-auth.ts";
import { isIndexType } from "#spec/media-types.ts";
import {
  type Descriptor,
  IMAGE_CONFIG_MAX_BYTES,
  parseIndex,
  parseManifest,
} from "#spec/oci-image.ts";
import { formatImageReference, type ImageReference } from "#spec/reference.ts";
import {
  type ListedManifest,
  type ManifestPlatform,
  readManifestPlatform,
} from "./listed-manifest.ts";

const ATTEMPTS = 3;
const FIRST_DELAY_MS = 300;
const MAX_DELAY_MS = 5000;

/** What a name stands for in its registry. */
export type RemoteManifest =
  | { readonly kind: "image"; readonly manifest: ListedManifest }
  | { readonly kind: "list"; readonly manifests: readonly ListedManifest[] };

/** Registries as the user's client reaches them: these commands need no engine. */
export class ManifestRegistry implements Disposable {
  readonly #cli: Cli;
  readonly #isInsecure: boolean;
  readonly #clients = new Map<string, RegistryClient>();

  /** @param isInsecure Takes any certificate, or plain HTTP. */
  constructor(cli: Cli, isInsecure: boolean) {
    this.#cli = cli;
    this.#isInsecure = isInsecure;
  }

  async repository(reference: ImageReference, access: "pull" | "push"): Promise<Repository> {
    const { domain, path } = reference;
    const auth = await openCredentialStore(this.#cli).get(serverAddressOfDomain(domain));
    return await this.#client(domain).repository({ domain, path }, toCredentials(auth), access);
  }

  /** @throws {NotFoundError} Unknown, or not for this user. */
  async fetch(reference: ImageReference, signal: AbortSignal): Promise<RemoteManifest> {
    const repository = await this.repository(reference, "pull");
    const target = reference.digest ?? reference.tag ?? "latest";
    const document = await known(reference, () => repository.fetchManifest(target, signal));
    const { mediaType } = document.descriptor;
    if (!isIndexType(mediaType)) {
      const manifest = await describe(repository, reference, document, signal);
      return { kind: "image", manifest };
    }
    const { manifests } = parseIndex(document.bytes, mediaType);
    const platforms = readPlatforms(document.bytes);
    const found: ListedManifest[] = [];
    for (const [index, { digest }] of manifests.entries()) {
      const inner = { ...reference, digest };
      const fetched = await known(inner, () => repository.fetchManifest(digest, signal));
      const manifest = await describe(repository, inner, fetched, signal);
      found.push({ ...manifest, platform: platforms[index] ?? manifest.platform });
    }
    return { kind: "list", manifests: found };
  }

  [Symbol.dispose](): void {
    for (const client of this.#clients.values()) client[Symbol.dispose]();
  }

  #client(domain: string): RegistryClient {
    const known = this.#clients.get(domain);
    if (known) return known;
    const { env } = this.#cli;
    const word = (name: string): string => env[name] ?? env[name.toLowerCase()] ?? "";
    const client = new RegistryClient({
      settings: () => ({
        mirrors: [],
        insecure: this.#isInsecure ? [domain] : [],
        certificateFolders: CERTIFICATE_FOLDERS,
        proxies: {
          http: word("HTTP_PROXY"),
          https: word("HTTPS_PROXY"),
          none: word("NO_PROXY"),
        },
      }),
      retry: {
        sleep: async (delayMs, signal) => await delay(delayMs, undefined, { signal }),
        random: () => Math.random(),
        attempts: ATTEMPTS,
        firstDelayMs: FIRST_DELAY_MS,
        maxDelayMs: MAX_DELAY_MS,
      },
      nowMs: () => this.#cli.now().getTime(),
      userAgent: `wharf/${wharfVersion} os/linux arch/${process.arch}`,
      hostAuthorities: readHostAuthorities(),
    });
    this.#clients.set(domain, client);
    return client;
  }
}

/** Docker's words for what a registry does not show. */
export async function known<Value>(
  reference: ImageReference,
  work: () => Promise<Value>,
): Promise<Value> {
  try {
    return await work();
  } catch (error) {
    const isHidden = error instanceof RegistryAnswerError && [401, 403, 404].includes(error.status);
    if (isHidden || error instanceof NoCredentialsError) {
      throw new NotFoundError(`no such manifest: ${formatImageReference(reference)}`, {
        cause: error,
      });
    }
    if (!(error instanceof NoConnectionError)) throw error;
    throw new FailedPreconditionError(
      `failed to configure transport: error pinging v2 registry: ${error.message}`,
      { cause: error },
    );
  }
}

async function describe(
  repository: Repository,
  reference: ImageReference,
  { descriptor, bytes }: FetchedManifest,
  signal: AbortSignal,
): Promise<ListedManifest> {
  const { config, mediaType } = parseManifest(bytes, descriptor.mediaType);
  const configBytes = await repository.readBlob(config.digest, IMAGE_CONFIG_MAX_BYTES, signal);
  if (digestOf(configBytes) !== config.digest) {
    throw new InvalidArgumentError(`image config verification failed for digest ${config.digest}`);
  }
  const fields = JsonReader.of(parseJson(new TextDecoder().decode(configBytes)), {
    prefix: "Cannot read image config: ",
  });
  return {
    ref: formatImageReference(reference),
    mediaType,
    digest: descriptor.digest,
    sizeBytes: bytes.byteLength,
    platform: readManifestPlatform(fields),
    raw: bytes,
  };
}

/** Of an index's entries, with what only Windows has. */
function readPlatforms(bytes: Uint8Array): readonly ManifestPlatform[] {
  const reader = JsonReader.of(parseJson(new TextDecoder().decode(bytes)));
  return (reader.objects("manifests") ?? []).map((one) =>
    readManifestPlatform(one.object("platform")),
  );
}

/** Blobs of an image that a registry has to have before its manifest. */
export function blobsOf(manifest: ListedManifest): readonly Descriptor[] {
  const { config, layers } = parseManifest(manifest.raw, manifest.mediaType);
  const unique = new Map<Digest, Descriptor>();
  // layers with addresses of their own are for whoever pulls to fetch from there
  for (const one of [config, ...layers]) if (!one.urls) unique.set(one.digest, one);
  return [...unique.values()];
}
