import { readFileSync, statSync } from "node:fs";
import { FailedPreconditionError, InvalidArgumentError, NotFoundError } from "#base/errors.ts";
import type { BuildOptions } from "#builder/attributes.ts";
import { pathInRoot } from "#builder/files/root-paths.ts";
import { ignoreFileNames, parseIgnoreFile } from "#spec/ignore/ignore-file.ts";
import { PathFilter } from "#spec/ignore/path-filter.ts";
import { DOCKERFILE_MAX_BYTES } from "#builder/language/parse-file.ts";
import type { OpenVertex, Vertices } from "#builder/solver/vertices.ts";
import type { Digest } from "#spec/digest.ts";
import type { LocalSources, LocalTree, LocalTreeRequest } from "./local-source.ts";

/** The Dockerfile's text. */
export interface Definition {
  readonly fileName: string;
  readonly text: string;
  /** The vertex that read it. */
  readonly vertexId: Digest;
  /** Patterns of the ignore file that goes with it. */
  readonly ignored: readonly string[];
}

const IGNORE_MAX_BYTES = 4 * 1024 * 1024;

function tryRead(tree: LocalTree, name: string, maxBytes: number): string | undefined {
  const path = pathInRoot(tree.path, name, { followsLast: true });
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found?.isFile()) return undefined;
  if (found.size > maxBytes) {
    throw new InvalidArgumentError(
      `Cannot read ${name}: ${found.size} bytes are over the limit of ${maxBytes}`,
    );
  }
  return readFileSync(path, "utf8");
}

/** Shows what comes of a client's folder. */
export function transferProgress(
  vertex: OpenVertex,
  what: string,
): NonNullable<LocalTreeRequest["onProgress"]> {
  return (receivedBytes, isDone) =>
    vertex.status(`transferring ${what}:`, receivedBytes, undefined, isDone);
}

/**
 * Reads the Dockerfile and the ignore file that goes with it.
 *
 * @throws {NotFoundError} There is no such Dockerfile.
 */
export async function readDefinition(
  locals: LocalSources,
  options: BuildOptions,
  vertices: Vertices,
  signal: AbortSignal,
): Promise<Definition> {
  const { fileName, dockerfileKey, contextKey } = options;
  const lower = fileName === "Dockerfile" ? ["dockerfile"] : [];
  const onlyPaths = [fileName, ...lower, ...ignoreFileNames(fileName)];
  const found = await vertices.run(
    `[internal] load build definition from ${fileName}`,
    [],
    async (vertex) => {
      const onProgress = transferProgress(vertex, "dockerfile");
      const wish = { name: dockerfileKey, ignored: [], onlyPaths, onProgress };
      await using tree = await locals.open(wish, signal);
      const name = [fileName, ...lower].find(
        (one) => tryRead(tree, one, DOCKERFILE_MAX_BYTES) !== undefined,
      );
      if (name === undefined) {
        throw new NotFoundError(
          `failed to read dockerfile: open ${fileName}: no such file or directory`,
        );
      }
      const text = tryRead(tree, name, DOCKERFILE_MAX_BYTES) ?? "";
      const own = tryRead(tree, `${name}.dockerignore`, IGNORE_MAX_BYTES);
      return { name, text, own, vertexId: vertex.id };
    },
  );
  const ignoreText =
    found.own ??
    (await vertices.run("[internal] load .dockerignore", [], async (vertex) => {
      const onProgress = transferProgress(vertex, "context");
      const wish = { name: contextKey, ignored: [], onlyPaths: [".dockerignore"], onProgress };
      await using tree = await locals.open(wish, signal);
      return tryRead(tree, ".dockerignore", IGNORE_MAX_BYTES);
    })) ??
    "";
  const ignored = parseIgnoreFile(ignoreText);
  try {
    // a pattern that is none is told now, not at the first COPY
    new PathFilter(ignored).isMatched("");
  } catch (cause) {
    if (!(cause instanceof InvalidArgumentError)) throw cause;
    throw new FailedPreconditionError(`failed to parse .dockerignore: ${cause.message}`, { cause });
  }
  return { fileName: found.name, text: found.text, vertexId: found.vertexId, ignored };
}
