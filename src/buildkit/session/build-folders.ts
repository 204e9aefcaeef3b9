import { FolderSources } from "#builder/sources/folder-sources.ts";
import type { LocalSources, LocalTree, LocalTreeRequest } from "#builder/sources/local-source.ts";
import type { OnBuildEvent } from "#builder/events.ts";
import {
  type ContextParts,
  fetchContext,
  fetchNamedContext,
  fillFolder,
  isRemoteContext,
  newContextFolder,
} from "#builder/remote/remote-context.ts";
import { Vertices } from "#builder/solver/vertices.ts";
import type { Clock } from "#host/clock.ts";
import { UPLOAD_HOST } from "#spec/buildkit/session.ts";
import type { ClientSession } from "./client-session.ts";
import type { KeptTrees } from "./kept-trees.ts";
import { pullUpload, SessionFolders } from "./session-sources.ts";

export interface FolderParts {
  readonly trees: KeptTrees;
  readonly contexts: ContextParts;
  readonly clock: Pick<Clock, "nowMs">;
}

/** Named contexts at URLs, each fetched when a step needs it. */
class RemoteFolders implements LocalSources {
  readonly #contexts: ContextParts;
  readonly #others: LocalSources;
  readonly #stack: AsyncDisposableStack;
  readonly #fetched = new Map<string, Promise<string>>();

  /** @param stack Removes what was fetched. */
  constructor(contexts: ContextParts, others: LocalSources, stack: AsyncDisposableStack) {
    this.#contexts = contexts;
    this.#others = others;
    this.#stack = stack;
  }

  async open(request: LocalTreeRequest, signal: AbortSignal): Promise<LocalTree> {
    const { name: url } = request;
    if (!isRemoteContext(url)) return await this.#others.open(request, signal);
    let fetching = this.#fetched.get(url);
    if (!fetching) {
      const folder = newContextFolder(this.#contexts, this.#stack);
      fetching = fetchNamedContext(this.#contexts, { folder, url }, signal);
      this.#fetched.set(url, fetching);
    }
    return { path: await fetching, ignored: [], [Symbol.asyncDispose]: async () => {} };
  }
}

/** A build's folders, where some come from elsewhere than the client. */
class PartlyRemoteFolders implements LocalSources {
  readonly #names: ReadonlySet<string>;
  readonly #remote: LocalSources;
  readonly #others: LocalSources;

  /** @param names Of what comes from elsewhere. */
  constructor(names: ReadonlySet<string>, remote: LocalSources, others: LocalSources) {
    this.#names = names;
    this.#remote = remote;
    this.#others = others;
  }

  open(request: LocalTreeRequest, signal: AbortSignal): Promise<LocalTree> {
    const from = this.#names.has(request.name) ? this.#remote : this.#others;
    return from.open(request, signal);
  }
}

/** Whose folders, and who is told. */
export interface FolderWish {
  readonly session: ClientSession;
  readonly attributes: ReadonlyMap<string, string>;
  readonly onEvent: OnBuildEvent;
  /** What the context is, where its URL stands for something that came otherwise. */
  readonly upload?: AsyncIterable<Uint8Array> | undefined;
  /** Removes what was fetched. */
  readonly stack: AsyncDisposableStack;
}

/**
 * The folders of a build: the client's, but for a context that the attribute `context` says is at a URL, which is fetched
 * now; with it the Dockerfile, unless `dockerfilekey` says that the client has that. A named context that is at a URL is a
 * folder by the name of that URL.
 */
export async function openBuildFolders(
  parts: FolderParts,
  { session, attributes, onEvent, stack, upload: sent }: FolderWish,
  signal: AbortSignal,
): Promise<LocalSources> {
  const client = new SessionFolders(session, parts.trees);
  const own = new RemoteFolders(parts.contexts, client, stack);
  const url = attributes.get("context") ?? "";
  if (url === "") return own;
  const fileName = attributes.get("filename") ?? "Dockerfile";
  const vertices = new Vertices(parts.clock, onEvent);
  const path = await vertices.run("[internal] load remote build context", [], async () => {
    const folder = newContextFolder(parts.contexts, stack);
    const upload = uploadPath(url);
    if (upload === undefined) {
      return await fetchContext(parts.contexts, { folder, fileName, url }, signal);
    }
    const bytes = sent ?? pullUpload(session, upload, signal);
    await fillFolder(parts.contexts, folder, fileName, bytes, signal);
    return folder;
  });
  const contextKey = attributes.get("contextkey") ?? "context";
  const names = new Set([contextKey]);
  if (!attributes.has("dockerfilekey")) names.add("dockerfile");
  const folders = new Map([...names].map((name) => [name, path]));
  // as BuildKit has it: what comes from elsewhere has no ignore file
  return new PartlyRemoteFolders(names, new FolderSources(folders, () => []), own);
}

/** @returns The path of a URL that stands for what the client has. */
function uploadPath(url: string): string | undefined {
  const prefix = `http://${UPLOAD_HOST}/`;
  return url.startsWith(prefix) ? url.slice(prefix.length - 1) : undefined;
}
