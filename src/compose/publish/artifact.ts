import { digestOf, type Digest } from "#spec/digest.ts";

/** One file of an application as it is published. */
export interface PublishedFile {
  readonly kind: "compose" | "environment";
  /** Beside the others, without a folder. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

export interface ArtifactBlob {
  readonly digest: Digest;
  readonly bytes: Uint8Array;
}

export interface Artifact {
  readonly blobs: readonly ArtifactBlob[];
  readonly manifest: { readonly mediaType: string; readonly bytes: Uint8Array };
}

const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const EMPTY = new TextEncoder().encode("{}");

/**
 * An application as an artifact, as docker compose v2.40 publishes it. Pure.
 *
 * @param ociVersion `1.1` has a type of its own for artifacts, `1.0` tells them by their configuration.
 * @param version Of this tool.
 */
export function composeArtifact(
  files: readonly PublishedFile[],
  { ociVersion, version, now }: { ociVersion: "1.0" | "1.1"; version: string; now: Date },
): Artifact {
  const config: ArtifactBlob = { digest: digestOf(EMPTY), bytes: EMPTY };
  const layers = files.map(({ bytes }): ArtifactBlob => ({ digest: digestOf(bytes), bytes }));
  const isNew = ociVersion === "1.1";
  const manifest = {
    schemaVersion: 2,
    mediaType: MANIFEST,
    ...(isNew ? { artifactType: "application/vnd.docker.compose.project" } : {}),
    config: descriptor(
      config,
      isNew
        ? "application/vnd.oci.empty.v1+json"
        : "application/vnd.docker.compose.config.empty.v1+json",
    ),
    layers: files.map(({ kind, name, bytes }) => {
      const isFile = kind === "compose";
      const key = isFile ? "com.docker.compose.file" : "com.docker.compose.envfile";
      const type = isFile
        ? "application/vnd.docker.compose.file+yaml"
        : "application/vnd.docker.compose.envfile";
      const annotations = { [key]: name, "com.docker.compose.version": version };
      return { ...descriptor({ digest: digestOf(bytes), bytes }, type), annotations };
    }),
    annotations: {
      "org.opencontainers.image.created": now.toISOString().replace(/\.\d+Z$/, "Z"),
    },
  };
  const unique = new Map([config, ...layers].map((blob) => [blob.digest, blob]));
  return {
    blobs: [...unique.values()],
    manifest: { mediaType: MANIFEST, bytes: new TextEncoder().encode(JSON.stringify(manifest)) },
  };
}

function descriptor({ digest, bytes }: ArtifactBlob, mediaType: string): object {
  return { mediaType, digest, size: bytes.byteLength };
}
