import { join, posix, resolve } from "node:path";
import { InvalidArgumentError, NotFoundError, UnsupportedError } from "#base/errors.ts";
import type { TargetFields } from "#bake/definition/target.ts";
import { isRemote, LOCAL_PREFIX } from "./resolve.ts";

/**
 * Where the paths of a definition are that is in a repository: there, but for those behind `cwd://`. The top of the
 * repository stays a URL, which the engine fetches, as buildx has it.
 */
export interface RemoteTree {
  /** As the user has it. */
  readonly url: string;
  /** Absolute: a checkout on this host, or the folder of it that the URL names. */
  readonly folder: string;
}

/** Contexts that are no paths. */
const SCHEME = /^(?:target|docker-image|input|cwd):/;

/** A target as `--print` shows it. */
export function shownFields(fields: TargetFields, { url }: RemoteTree): TargetFields {
  const { context = "." } = fields;
  return { ...fields, context: context === "." ? url : withoutPrefix(context) };
}

/**
 * A target as it is built on this host.
 *
 * @param directory Absolute: what `cwd://` is.
 * @throws {InvalidArgumentError} It reads a Dockerfile there for files here.
 */
export function builtFields(
  fields: TargetFields,
  tree: RemoteTree,
  directory: string,
): TargetFields {
  const { context = ".", contexts = {} } = fields;
  const named = Object.entries(contexts).map(
    ([name, place]) => [name, placeOf(place, tree)] as const,
  );
  const placed = {
    ...fields,
    context: withoutPrefix(placeOf(context, tree)) || ".",
    dockerfile: dockerfileOf(fields, tree, directory),
  };
  return named.length > 0 ? { ...placed, contexts: Object.fromEntries(named) } : placed;
}

function dockerfileOf(fields: TargetFields, tree: RemoteTree, directory: string): string {
  const { context = ".", dockerfile = "Dockerfile" } = fields;
  if (dockerfile.startsWith(LOCAL_PREFIX)) return resolve(directory, withoutPrefix(dockerfile));
  if (isRemote(dockerfile)) return dockerfile;
  const isHere = context.startsWith(LOCAL_PREFIX);
  if (isHere && fields["dockerfile-inline"] === undefined && !posix.isAbsolute(dockerfile)) {
    throw new InvalidArgumentError(
      "reading a dockerfile for a remote build invocation is currently not supported",
    );
  }
  const place = placeOf(context, tree);
  if (isHere || isRemote(place)) return dockerfile;
  return join(place, fromTop(dockerfile));
}

function placeOf(place: string, { url, folder }: RemoteTree): string {
  if (isRemote(place) || SCHEME.test(place)) return place;
  if (place.startsWith("oci-layout:")) {
    throw new UnsupportedError(`Cannot take ${place} for a definition that is elsewhere`);
  }
  const path = fromTop(place);
  if (path.split("/")[0] === ".git") {
    throw new NotFoundError(`${url}: the repository has no ${path}`);
  }
  return path === "" ? url : join(folder, path);
}

/** Nothing leads above the top. */
function fromTop(path: string): string {
  return posix.join("/", path).replace(/^\/+|\/+$/g, "");
}

function withoutPrefix(place: string): string {
  return place.startsWith(LOCAL_PREFIX) ? place.slice(LOCAL_PREFIX.length) : place;
}
