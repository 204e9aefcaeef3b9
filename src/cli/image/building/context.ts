import { lstatSync, mkdtempSync, realpathSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, relative, resolve } from "node:path";
import { createGzip } from "node:zlib";
import { Readable } from "node:stream";
import { collectBytes } from "#base/async.ts";
import { FailedPreconditionError, InvalidArgumentError } from "#base/errors.ts";
import { TreePacker } from "#host/archive/pack-tree.ts";
import { openArchiveSyscalls } from "#host/archive/syscalls.ts";

/** Where the files of a build are. */
export type BuildContext =
  | {
      readonly kind: "folder";
      /** Absolute, links resolved. */
      readonly path: string;
      /** Absolute; in `path` or elsewhere. */
      readonly dockerfile: string;
    }
  /** A tar, or a Dockerfile, by standard input. */
  | { readonly kind: "stream"; readonly dockerfile: string }
  | { readonly kind: "remote"; readonly url: string; readonly dockerfile: string };

const REMOTE = /^(?:https?:\/\/|git:\/\/|git@|github\.com\/|ssh:\/\/)/;
const DOCKERFILE_MAX_BYTES = 16 * 1024 * 1024;

/**
 * What the user's argument and `--file` mean.
 *
 * @param stdin Reads a Dockerfile that comes by standard input (`-f -`).
 * @throws {FailedPreconditionError} No such folder or Dockerfile, in docker's words.
 */
export async function readContext(
  argument: string,
  file: string,
  stdin: () => AsyncIterable<Uint8Array>,
  stack: DisposableStack,
): Promise<BuildContext> {
  if (argument === "-") {
    if (file === "-") {
      throw new InvalidArgumentError(
        "invalid argument: can't use stdin for both build context and dockerfile",
      );
    }
    return { kind: "stream", dockerfile: file };
  }
  if (REMOTE.test(argument)) return { kind: "remote", url: argument, dockerfile: file };
  const found = statSync(argument, { throwIfNoEntry: false });
  if (!found) {
    throw new FailedPreconditionError(
      `unable to prepare context: path ${JSON.stringify(argument)} not found`,
    );
  }
  if (!found.isDirectory()) {
    throw new FailedPreconditionError(
      `unable to prepare context: context must be a directory: ${argument}`,
    );
  }
  const path = realpathSync(argument);
  if (file === "-") {
    const text = await collectBytes(stdin(), DOCKERFILE_MAX_BYTES);
    const folder = mkdtempSync(join(tmpdir(), "wharf-build-"));
    stack.defer(() => rmSync(folder, { recursive: true, force: true }));
    writeFileSync(join(folder, "Dockerfile"), text);
    return { kind: "folder", path, dockerfile: join(folder, "Dockerfile") };
  }
  const dockerfile = file === "" ? join(path, "Dockerfile") : resolve(file);
  const inContext = file === "" || lstatSync(dockerfile, { throwIfNoEntry: false });
  if (inContext) return { kind: "folder", path, dockerfile };
  throw new FailedPreconditionError(
    `unable to prepare context: unable to evaluate symlinks in Dockerfile path: lstat ${dockerfile}: no such file or directory`,
  );
}

/** The Dockerfile's name in the context, where it is there. */
export function nameInContext({
  path,
  dockerfile,
}: {
  path: string;
  dockerfile: string;
}): string | undefined {
  const folder = statSync(dirname(dockerfile), { throwIfNoEntry: false })
    ? realpathSync(dirname(dockerfile))
    : dirname(dockerfile);
  const name = relative(path, join(folder, basename(dockerfile)));
  return name.startsWith("../") ? undefined : name;
}

/** A name for a Dockerfile from elsewhere, beside those of the context. */
export const FOREIGN_DOCKERFILE = ".dockerfile.wharf";

/** The folder as a tar, whole: the engine minds the ignore file. */
export async function* packContext(
  path: string,
  foreignDockerfile: string | undefined,
): AsyncGenerator<Uint8Array> {
  const packer = new TreePacker({ syscalls: openArchiveSyscalls(), reusesBuffer: false });
  yield* packer.tree({ path: Buffer.from(path), name: Buffer.alloc(0), isContentOnly: true });
  if (foreignDockerfile !== undefined) {
    const stats = statSync(foreignDockerfile, { bigint: true });
    const name = Buffer.from(FOREIGN_DOCKERFILE);
    yield* packer.item({ path: Buffer.from(foreignDockerfile), name, stats });
  }
  yield* packer.finish();
}

/** The same bytes, packed. */
export function compressed(source: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  return Readable.from(source, { objectMode: false }).pipe(createGzip());
}
