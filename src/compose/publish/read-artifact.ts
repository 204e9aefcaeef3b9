import { InvalidArgumentError } from "#base/errors.ts";
import { type Digest, digestOf, parseDigest } from "#spec/digest.ts";
import type { PublishedFile } from "./artifact.ts";

/** A file of a published application that is still to be fetched. */
export interface ArtifactFile extends Omit<PublishedFile, "bytes"> {
  readonly digest: Digest;
  readonly sizeBytes: number;
}

/** Of all files together; a project has few and small ones. */
const MOST_BYTES = 16 * 1024 * 1024;
const MOST_FILES = 100;
const KINDS: Readonly<Record<string, readonly [PublishedFile["kind"], annotation: string]>> = {
  "application/vnd.docker.compose.file+yaml": ["compose", "com.docker.compose.file"],
  "application/vnd.docker.compose.envfile": ["environment", "com.docker.compose.envfile"],
};

interface Layer {
  readonly mediaType?: unknown;
  readonly digest?: unknown;
  readonly size?: unknown;
  readonly annotations?: Readonly<Record<string, unknown>>;
}

/**
 * The files that a manifest of a registry names. What it says is not trusted: names stay in one folder. Pure.
 *
 * @param name As the user named it, for messages.
 * @throws {InvalidArgumentError} It is no published application, or has a file that may not be.
 */
export function filesOfArtifact(manifest: Uint8Array, name: string): readonly ArtifactFile[] {
  const refuse = (what: string): never => {
    throw new InvalidArgumentError(`${name}: ${what}`);
  };
  const layers = layersOf(manifest);
  const files = layers.flatMap((layer): ArtifactFile[] => {
    const [kind, key = ""] = KINDS[String(layer.mediaType)] ?? [];
    if (kind === undefined) return [];
    const said = layer.annotations?.[key];
    const file = typeof said === "string" ? said : "";
    if (!/^[\w][\w.-]{0,200}$/.test(file)) {
      return refuse(`it has a file called ${JSON.stringify(file)}, which cannot be one here`);
    }
    const { size } = layer;
    const digest = parseDigest(String(layer.digest));
    return [{ kind, name: file, digest, sizeBytes: typeof size === "number" ? size : Infinity }];
  });
  if (!files.some(({ kind }) => kind === "compose")) {
    refuse("it is no application that 'compose publish' has published");
  }
  const names = new Set(files.map((file) => file.name));
  if (names.size < files.length) refuse("it has two files of one name");
  const total = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  if (!(total <= MOST_BYTES) || files.length > MOST_FILES) {
    refuse(`its files are larger than 16 MiB, or more than ${MOST_FILES}`);
  }
  return files;
}

function layersOf(manifest: Uint8Array): readonly Layer[] {
  const parsed: unknown = JSON.parse(new TextDecoder().decode(manifest));
  const isObject = typeof parsed === "object" && parsed !== null && "layers" in parsed;
  const layers = isObject && Array.isArray(parsed.layers) ? parsed.layers : [];
  return layers.filter((each): each is Layer => typeof each === "object" && each !== null);
}

/** @throws {InvalidArgumentError} The bytes are not those that the manifest names. */
export function checkFile(file: ArtifactFile, bytes: Uint8Array, name: string): void {
  if (digestOf(bytes) === file.digest) return;
  throw new InvalidArgumentError(`${name}: ${file.name} came damaged: it is not ${file.digest}`);
}
