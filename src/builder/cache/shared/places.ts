import { NotFoundError, UnsupportedError } from "#base/errors.ts";
import type { BuilderParts } from "#builder/parts.ts";
import type { CredentialSource } from "#builder/sources/image-source.ts";
import { ANONYMOUS } from "#registry-client/auth/credentials.ts";
import { type Digest, digestOf } from "#spec/digest.ts";
import { OCI_MANIFEST } from "#spec/media-types.ts";
import { type Descriptor, descriptorToWire, MANIFEST_MAX_BYTES } from "#spec/oci-image.ts";
import { formatImageReference } from "#spec/reference.ts";
import type { CacheSource, CacheTarget } from "./location.ts";

/** A folder of blobs that a client keeps. */
export interface ClientStore {
  /** @returns Undefined where it has none of that digest. */
  size(digest: Digest, signal: AbortSignal): Promise<number | undefined>;
  read(digest: Digest, signal: AbortSignal): AsyncIterable<Uint8Array>;
  write(
    blob: { readonly digest: Digest; readonly sizeBytes: number },
    bytes: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<void>;
}

/** The stores that a client offers. @throws {FailedPreconditionError} It offers none. */
export type ClientStores = (id: string) => ClientStore;

/** Who asks for a cache, and what they offer. */
export interface CacheClient {
  readonly credentials: CredentialSource | undefined;
  readonly stores: ClientStores | undefined;
}

/** What the client is told, as of an exporter. */
type CacheResponse = Readonly<Record<string, string>>;

/** Where a cache is written to. */
export interface CacheDestination {
  /** Also of blobs that are there already. */
  send(
    blob: Pick<Descriptor, "digest" | "sizeBytes">,
    read: (offset: number, end: number) => AsyncIterable<Uint8Array>,
    onSent: (sentBytes: number) => void,
    signal: AbortSignal,
  ): Promise<void>;
  /** The manifest, when all that it names is there. @returns What the client is told. */
  finish(manifest: Uint8Array, signal: AbortSignal): Promise<CacheResponse>;
}

/** Where a cache is taken from. */
export interface CacheOrigin {
  /** As progress calls it. */
  readonly name: string;
  manifest(
    signal: AbortSignal,
  ): Promise<{ readonly mediaType: string; readonly bytes: Uint8Array }>;
  readBlob(digest: Digest, maxBytes: number, signal: AbortSignal): Promise<Uint8Array>;
  openBlob(digest: Digest, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
}

type PlaceParts = Pick<BuilderParts, "registries">;

export async function openDestination(
  { registries }: PlaceParts,
  target: Exclude<CacheTarget, { readonly kind: "inline" }>,
  { credentials: source, stores }: CacheClient,
  signal: AbortSignal,
): Promise<CacheDestination> {
  if (target.kind === "local") return folderDestination(storeOf(stores, target.folder));
  const { reference } = target;
  const credentials = (await source?.get(reference.domain, signal)) ?? ANONYMOUS;
  const repository = await registries.repository(reference, credentials, "push");
  return {
    send: async ({ digest, sizeBytes }, read, onSent, until) => {
      if ((await repository.blobSize(digest, until)) !== undefined) return;
      await repository.upload({ digest, sizeBytes, read }, [], onSent, until);
    },
    finish: async (bytes, until) => {
      const manifest = { mediaType: OCI_MANIFEST, bytes };
      await repository.putManifest(reference.tag ?? "latest", manifest, until);
      return {};
    },
  };
}

/** The client writes `index.json` itself, from what it is told. */
function folderDestination(store: ClientStore): CacheDestination {
  const send: CacheDestination["send"] = async ({ digest, sizeBytes }, read, onSent, until) => {
    if ((await store.size(digest, until)) !== undefined) return;
    await store.write({ digest, sizeBytes }, counted(read(0, sizeBytes), onSent), until);
  };
  return {
    send,
    finish: async (bytes, until) => {
      const manifest = {
        mediaType: OCI_MANIFEST,
        digest: digestOf(bytes),
        sizeBytes: bytes.byteLength,
      };
      await send(
        manifest,
        () => once(bytes),
        () => {},
        until,
      );
      return { "cache.manifest": JSON.stringify(descriptorToWire(manifest)) };
    },
  };
}

export async function openOrigin(
  { registries }: PlaceParts,
  source: CacheSource,
  client: CacheClient,
  signal: AbortSignal,
): Promise<CacheOrigin> {
  if (source.kind === "local") return folderOrigin(source, client.stores);
  const { reference } = source;
  const credentials = (await client.credentials?.get(reference.domain, signal)) ?? ANONYMOUS;
  const repository = await registries.repository(reference, credentials, "pull");
  return {
    name: nameOfSource(source),
    manifest: async (until) => {
      const wanted = reference.digest ?? reference.tag ?? "latest";
      const { descriptor, bytes } = await repository.fetchManifest(wanted, until);
      return { mediaType: descriptor.mediaType, bytes };
    },
    readBlob: (digest, maxBytes, until) => repository.readBlob(digest, maxBytes, until),
    openBlob: async (digest, until) =>
      (await repository.openBlob({ digest, offset: 0 }, until)).stream,
  };
}

/** As progress calls it. */
export function nameOfSource(source: CacheSource): string {
  return source.kind === "local"
    ? `local:${source.digest}`
    : formatImageReference(source.reference);
}

function folderOrigin(
  source: Extract<CacheSource, { readonly kind: "local" }>,
  stores: ClientStores | undefined,
): CacheOrigin {
  const store = storeOf(stores, source.folder);
  const readBlob: CacheOrigin["readBlob"] = async (digest, maxBytes, until) => {
    const chunks: Uint8Array[] = [];
    let sizeBytes = 0;
    for await (const chunk of store.read(digest, until)) {
      sizeBytes += chunk.byteLength;
      if (sizeBytes > maxBytes) throw new NotFoundError(`${digest} is over ${maxBytes} bytes`);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  };
  return {
    name: nameOfSource(source),
    manifest: async (until) => {
      const bytes = await readBlob(source.digest, MANIFEST_MAX_BYTES, until);
      if (digestOf(bytes) === source.digest) return { mediaType: OCI_MANIFEST, bytes };
      throw new NotFoundError(`the client has another ${source.digest} than it says`);
    },
    readBlob,
    openBlob: async (digest, until) => store.read(digest, until),
  };
}

function storeOf(stores: ClientStores | undefined, folder: string): ClientStore {
  if (stores) return stores(`local:${folder}`);
  throw new UnsupportedError("Cannot share the cache by type=local: the client offers no store");
}

async function* counted(
  bytes: AsyncIterable<Uint8Array>,
  onSent: (sentBytes: number) => void,
): AsyncIterable<Uint8Array> {
  let sentBytes = 0;
  for await (const chunk of bytes) {
    sentBytes += chunk.byteLength;
    onSent(sentBytes);
    yield chunk;
  }
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}
