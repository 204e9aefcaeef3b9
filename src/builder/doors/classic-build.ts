import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { collectBytes } from "#base/async.ts";
import { InvalidArgumentError } from "#base/errors.ts";
import type { FrontendAttributes } from "#builder/attributes.ts";
import type { Builder } from "#builder/builder.ts";
import { lintResultOf } from "#builder/checks/lint-result.ts";
import { pathInRoot } from "#builder/files/root-paths.ts";
import { PathFilter } from "#spec/ignore/path-filter.ts";
import type { BuildEvent } from "#builder/events.ts";
import { StepFailedError } from "#builder/solver/step-failed.ts";
import { DOCKERFILE_MAX_BYTES } from "#builder/language/parse-file.ts";
import { checkOut, parseGitReference } from "#builder/remote/git-source.ts";
import { fetchFile } from "#builder/remote/http-source.ts";
import { FolderSources } from "#builder/sources/folder-sources.ts";
import type { CredentialSource } from "#builder/sources/image-source.ts";
import type { LocalSources } from "#builder/sources/local-source.ts";
import { parseTagTarget } from "#images/records.ts";
import type { Processes } from "#host/processes.ts";
import type { RandomBytes } from "#spec/ids.ts";
import { isArchiveHead, peek } from "./archive-head.ts";
import { ClassicProgress } from "./classic-progress.ts";
import {
  checkSeen,
  type ClientExtras,
  type SeenFolder,
  secretSource,
  sshSource,
} from "./client-extras.ts";

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
  readonly credentials: CredentialSource;
  readonly extras: ClientExtras;
}

/** One line of the answer. */
export type ClassicLine = Readonly<Record<string, unknown>>;

export interface ClassicBuildParts {
  readonly builder: Builder;
  readonly processes: Pick<Processes, "run">;
  /** `<data root>/builder`. */
  readonly directory: string;
  readonly randomBytes: RandomBytes;
  /** Unpacks a tar into a folder, from which no name and no link of it leads out. */
  readonly unpack: (
    directory: string,
    archive: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ) => Promise<void>;
}

const SHORT_ID = 12;

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
  const { secrets, sshAgents, entitlements } = request.extras;
  try {
    const solved = stack.use(
      await parts.builder.solve(
        {
          attributes: request.attributes,
          locals,
          secrets: secretSource(secrets),
          ssh: sshSource(sshAgents),
          credentials: request.credentials,
          entitlements,
          onEvent,
        },
        signal,
      ),
    );
    const exported = await parts.builder.export(
      solved,
      { type: "image", attributes: { name: request.tags.join(",") }, onEvent: () => {} },
      signal,
    );
    const id = exported["containerimage.config.digest"] ?? "";
    if (request.isQuiet) {
      write({ stream: `${id}\n` });
      return;
    }
    write({ aux: { ID: id } });
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
  { context, attributes, extras }: ClassicBuildRequest,
  stack: AsyncDisposableStack,
  signal: AbortSignal,
): Promise<LocalSources> {
  const fileName = attributes["filename"] ?? "Dockerfile";
  for (const folder of extras.folders.values()) checkSeen(folder);
  const more = [...extras.folders].map(([id, { path }]): [string, string] => [id, path]);
  const sources = (
    path: string,
    dockerfile: string,
    stillIgnored?: (ignored: readonly string[]) => readonly string[],
  ): LocalSources =>
    new FolderSources(
      new Map([...more, ["context", path], ["dockerfile", dockerfile]]),
      stillIgnored,
    );
  switch (context.kind) {
    case "folder":
      checkSeen(context);
      return sources(context.path, context.dockerfileFolder);
    case "tar": {
      const folder = newFolder(parts, stack);
      await fillFolder(parts, folder, fileName, context.bytes, signal);
      return sources(
        folder,
        folder,
        context.isUnfiltered ? undefined : (ignored) => ignoredInTar(ignored, fileName),
      );
    }
    case "remote": {
      const folder = newFolder(parts, stack);
      const path = await fetchContext(parts, { folder, fileName, url: context.url }, signal);
      // as BuildKit has it: what comes from elsewhere has no ignore file
      return sources(path, path, () => []);
    }
  }
}

function newFolder(parts: ClassicBuildParts, stack: AsyncDisposableStack): string {
  const name = Buffer.from(parts.randomBytes(8)).toString("hex");
  const folder = join(parts.directory, "contexts", name);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Unpacks an archive; what is none is the Dockerfile. */
async function fillFolder(
  parts: ClassicBuildParts,
  folder: string,
  fileName: string,
  bytes: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<void> {
  const { head, whole } = await peek(bytes);
  if (head.byteLength === 0) throw new InvalidArgumentError("the build context is empty");
  if (isArchiveHead(head)) {
    await parts.unpack(folder, whole, signal);
    return;
  }
  writeFileSync(join(folder, basename(fileName)), await collectBytes(whole, DOCKERFILE_MAX_BYTES));
}

/** @returns The folder that is the context. */
async function fetchContext(
  parts: ClassicBuildParts,
  given: { readonly folder: string; readonly fileName: string; readonly url: string },
  signal: AbortSignal,
): Promise<string> {
  const { folder, fileName, url } = given;
  if (!/^https?:/.test(url) || /\.git(?:[?#]|$)/.test(url)) {
    const reference = parseGitReference(url.replace(/^github\.com\//, "https://github.com/"));
    const checkout = await checkOut(parts.processes, reference, folder, signal);
    return pathInRoot(checkout.path, checkout.folder, { followsLast: true });
  }
  const downloads = join(folder, "download");
  mkdirSync(downloads);
  const { path } = await fetchFile({ url, directory: downloads, number: 1 }, signal);
  const context = join(folder, "context");
  mkdirSync(context);
  await fillFolder(parts, context, fileName, Bun.file(path).stream(), signal);
  return context;
}

/** The client has left out what is ignored, but for these two, which it always sends. */
function ignoredInTar(ignored: readonly string[], fileName: string): readonly string[] {
  const filter = new PathFilter(ignored);
  return [fileName, ".dockerignore"].filter((name) => filter.isMatched(name));
}
