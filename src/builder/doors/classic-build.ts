import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { FrontendAttributes } from "#builder/attributes.ts";
import type { Builder } from "#builder/builder.ts";
import { PathFilter } from "#builder/ignore/path-filter.ts";
import type { BuildEvent } from "#builder/events.ts";
import { StepFailedError } from "#builder/solver/step-failed.ts";
import { FolderSources } from "#builder/sources/folder-sources.ts";
import type { RandomBytes } from "#spec/ids.ts";
import { ClassicProgress } from "./classic-progress.ts";

/** A build as `POST /build` asks for it. */
export interface ClassicBuildRequest {
  /** A tar, plain or packed; empty with `folder`. */
  readonly context: AsyncIterable<Uint8Array>;
  /** A folder on this host in place of the tar: the client is beside the engine. */
  readonly folder?: string;
  readonly attributes: FrontendAttributes;
  readonly tags: readonly string[];
  /** Only the image's id is told. */
  readonly isQuiet: boolean;
}

/** One line of the answer. */
export type ClassicLine = Readonly<Record<string, unknown>>;

export interface ClassicBuildParts {
  readonly builder: Builder;
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
  const folder = request.folder ?? (await unpackContext(parts, request, stack, signal));
  const fileName = request.attributes["filename"] ?? "Dockerfile";
  const locals = new FolderSources(
    new Map([
      ["context", folder],
      ["dockerfile", folder],
    ]),
    request.folder === undefined ? (ignored) => ignoredInTar(ignored, fileName) : undefined,
  );
  const tell = (line: ClassicLine): void => {
    if (!request.isQuiet) write(line);
  };
  const progress = new ClassicProgress(tell);
  const onEvent = (event: BuildEvent): void => progress.take(event);
  const none = { read: async () => undefined };
  const noAgent = {
    has: async () => false,
    serve: async () => ({ [Symbol.asyncDispose]: async () => {} }),
  };
  try {
    const solved = stack.use(
      await parts.builder.solve(
        {
          attributes: request.attributes,
          locals,
          secrets: none,
          ssh: noAgent,
          entitlements: new Set(),
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
    for (const tag of (exported["image.name"] ?? "").split(",").filter((name) => name !== "")) {
      write({ stream: `Successfully tagged ${tag}\n` });
    }
  } catch (error) {
    progress.flush();
    if (!(error instanceof StepFailedError)) throw error;
    const { exitCode: code, command } = error;
    const message = `The command '${command}' returned a non-zero code: ${code}`;
    write({ errorDetail: { code, message }, error: message });
  }
}

async function unpackContext(
  parts: ClassicBuildParts,
  request: ClassicBuildRequest,
  stack: AsyncDisposableStack,
  signal: AbortSignal,
): Promise<string> {
  const name = Buffer.from(parts.randomBytes(8)).toString("hex");
  const folder = join(parts.directory, "contexts", name);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  await parts.unpack(folder, request.context, signal);
  return folder;
}

/** The client has left out what is ignored, but for these two, which it always sends. */
function ignoredInTar(ignored: readonly string[], fileName: string): readonly string[] {
  const filter = new PathFilter(ignored);
  return [fileName, ".dockerignore"].filter((name) => filter.isMatched(name));
}
