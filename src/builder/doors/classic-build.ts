import { InternalError } from "#base/errors.ts";
import type { FrontendAttributes } from "#builder/attributes.ts";
import type { Builder, SolveRequest } from "#builder/builder.ts";
import { lintResultOf } from "#builder/checks/lint-result.ts";
import { PathFilter } from "#spec/ignore/path-filter.ts";
import type { BuildEvent } from "#builder/events.ts";
import { StepFailedError } from "#builder/solver/step-failed.ts";
import {
  type ContextParts,
  fetchContext,
  fillFolder,
  newContextFolder,
} from "#builder/remote/remote-context.ts";
import { FolderSources } from "#builder/sources/folder-sources.ts";
import type { CredentialSource } from "#builder/sources/image-source.ts";
import type { LocalSources } from "#builder/sources/local-source.ts";
import { parseTagTarget } from "#images/records.ts";
import { type Digest, parseDigest } from "#spec/digest.ts";
import { ClassicProgress } from "./classic-progress.ts";
import { checkSeen, type SeenFolder } from "./seen-folder.ts";

/** Where the files are. */
export type ClassicContext =
  | {
      readonly kind: "tar";
      /** Plain or packed; or a Dockerfile alone. */
      readonly bytes: AsyncIterable<Uint8Array>;
      /** The client has not minded the ignore file. */
      readonly isUnfiltered: boolean;
    }
  /** Folders on this host: the client is beside the engine. */
  | ({ readonly kind: "folder"; readonly dockerfileFolder: string } & SeenFolder)
  /** A repository, an archive or a Dockerfile somewhere. */
  | { readonly kind: "remote"; readonly url: string };

/** A build as `POST /build` asks for it. */
export interface ClassicBuildRequest {
  readonly context: ClassicContext;
  readonly attributes: FrontendAttributes;
  readonly tags: readonly string[];
  /** Only the image's id is told. */
  readonly isQuiet: boolean;
  /** The layers of the target's stage become one: the image of that gets the tags, and that of all stays without one. */
  readonly isSquashed: boolean;
  readonly credentials: CredentialSource;
}

/** One line of the answer. */
export type ClassicLine = Readonly<Record<string, unknown>>;

export interface ClassicBuildParts extends ContextParts {
  readonly builder: Builder;
}

const SHORT_ID = 12;

/** What only a client with a session can be asked for. */
const WITHOUT_SESSION: Pick<SolveRequest, "secrets" | "ssh" | "entitlements"> = {
  secrets: { read: () => Promise.resolve(undefined) },
  ssh: {
    has: () => Promise.resolve(false),
    serve: (id) => Promise.reject(new InternalError(`no agent ${id} was offered`)),
  },
  entitlements: new Set(),
};

/**
 * Goes through the Dockerfile of a request without building it: one line, whose `aux` is a `LintResult`.
 *
 * @throws {DockerfileError} It cannot be read.
 */
export async function classicCheck(
  parts: ClassicBuildParts,
  request: ClassicBuildRequest,
  write: (line: ClassicLine) => void,
  signal: AbortSignal,
): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const locals = await openContext(parts, request, stack, signal);
  const { attributes, credentials } = request;
  const given = { attributes, locals, credentials, onEvent: () => {} };
  write({ aux: lintResultOf(await parts.builder.check(given, signal)) });
}

/**
 * Builds as Docker's classic API does, telling it line by line.
 *
 * @throws What is wrong before the first line. What fails later is a line of its own.
 */
export async function classicBuild(
  parts: ClassicBuildParts,
  request: ClassicBuildRequest,
  write: (line: ClassicLine) => void,
  signal: AbortSignal,
): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const locals = await openContext(parts, request, stack, signal);
  const tell = (line: ClassicLine): void => {
    if (!request.isQuiet) write(line);
  };
  const progress = new ClassicProgress(tell);
  const onEvent = (event: BuildEvent): void => progress.take(event);
  try {
    const solved = stack.use(
      await parts.builder.solve(
        {
          attributes: request.attributes,
          locals,
          ...WITHOUT_SESSION,
          credentials: request.credentials,
          onEvent,
        },
        signal,
      ),
    );
    const keep = async (tags: readonly string[], squashOf?: Digest): Promise<Digest> => {
      const attributes = { name: tags.join(",") };
      const squashing = squashOf === undefined ? {} : { squashOf };
      const wish = { type: "image", attributes, ...squashing, onEvent: () => {} };
      const exported = await parts.builder.export(solved, wish, signal);
      return parseDigest(exported["containerimage.config.digest"] ?? "");
    };
    let id = await keep(request.isSquashed ? [] : request.tags);
    tell({ aux: { ID: id } });
    if (request.isSquashed) {
      id = await keep(request.tags, id);
      tell({ id: "moby.image.id", aux: { ID: id } });
    }
    if (request.isQuiet) {
      write({ stream: `${id}\n` });
      return;
    }
    const short = id.replace(/^sha256:/, "").slice(0, SHORT_ID);
    write({ stream: `Successfully built ${short}\n` });
    for (const tag of request.tags) {
      write({ stream: `Successfully tagged ${parseTagTarget(tag)}\n` });
    }
  } catch (error) {
    progress.flush();
    if (!(error instanceof StepFailedError)) throw error;
    const { exitCode: code, command } = error;
    const message = `The command '${command}' returned a non-zero code: ${code}`;
    write({ errorDetail: { code, message }, error: message });
  }
}

async function openContext(
  parts: ClassicBuildParts,
  { context, attributes }: ClassicBuildRequest,
  stack: AsyncDisposableStack,
  signal: AbortSignal,
): Promise<LocalSources> {
  const fileName = attributes["filename"] ?? "Dockerfile";
  const sources = (
    path: string,
    dockerfile: string,
    stillIgnored?: (ignored: readonly string[]) => readonly string[],
  ): LocalSources =>
    new FolderSources(
      new Map([
        ["context", path],
        ["dockerfile", dockerfile],
      ]),
      stillIgnored,
    );
  switch (context.kind) {
    case "folder":
      checkSeen(context);
      return sources(context.path, context.dockerfileFolder);
    case "tar": {
      const folder = newContextFolder(parts, stack);
      await fillFolder(parts, folder, fileName, context.bytes, signal);
      return sources(
        folder,
        folder,
        context.isUnfiltered ? undefined : (ignored) => ignoredInTar(ignored, fileName),
      );
    }
    case "remote": {
      const folder = newContextFolder(parts, stack);
      const path = await fetchContext(parts, { folder, fileName, url: context.url }, signal);
      // as BuildKit has it: what comes from elsewhere has no ignore file
      return sources(path, path, () => []);
    }
  }
}

/** The client has left out what is ignored, but for these two, which it always sends. */
function ignoredInTar(ignored: readonly string[], fileName: string): readonly string[] {
  const filter = new PathFilter(ignored);
  return [fileName, ".dockerignore"].filter((name) => filter.isMatched(name));
}
