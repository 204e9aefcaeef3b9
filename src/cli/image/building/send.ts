import { statSync } from "node:fs";
import { basename, dirname } from "node:path";
import { NotFoundError } from "#base/errors.ts";
import type { EngineClient } from "#client/engine-client.ts";
import type { QueryValue } from "#client/query.ts";
import type { ProgressMessage } from "#cli/output/progress.ts";
import {
  type BuildContext,
  compressed,
  FOREIGN_DOCKERFILE,
  nameInContext,
  packContext,
} from "./context.ts";

export interface BuildSending {
  readonly query: Readonly<Record<string, QueryValue>>;
  readonly headers: Readonly<Record<string, string>>;
  /** The context is packed on its way. */
  readonly isCompressed: boolean;
  /** For a context that comes by standard input. */
  readonly standardInput: () => AsyncIterable<Uint8Array>;
}

type Messages = AsyncIterable<ProgressMessage>;

/** Whether the engine is one of ours on this host, which reads folders by itself. */
export async function isBesideWharf(engine: EngineClient): Promise<boolean> {
  if (engine.endpoint.kind !== "unix") return false;
  return (await engine.ping()).product?.startsWith("Wharf/") ?? false;
}

/** Asks the engine for a build. @returns Its progress, until the build has ended. */
export async function sendBuild(
  engine: EngineClient,
  context: BuildContext,
  { query, headers, isCompressed, standardInput }: BuildSending,
): Promise<Messages> {
  const post = (
    more: Readonly<Record<string, string | undefined>>,
    stream?: AsyncIterable<Uint8Array>,
  ): Messages =>
    engine.messages<ProgressMessage>("POST", "/build", {
      query: { ...query, ...more },
      headers,
      ...(stream ? { stream: isCompressed ? compressed(stream) : stream } : {}),
      contentType: "application/x-tar",
    });
  const dockerfile = context.dockerfile === "" ? undefined : context.dockerfile;
  switch (context.kind) {
    case "stream":
      return post({ dockerfile }, standardInput());
    case "remote":
      return post({ dockerfile, remote: context.url });
    case "folder": {
      if (await isBesideWharf(engine)) {
        try {
          return await begun(post(folderQuery(context)));
        } catch (error) {
          // the engine's file system is another: it gets the files
          if (!(error instanceof NotFoundError) || !error.message.includes(NOT_SEEN)) throw error;
        }
      }
      const name = nameInContext(context);
      const foreign = name === undefined ? context.dockerfile : undefined;
      const tar = packContext(context.path, foreign);
      return post({ dockerfile: name ?? FOREIGN_DOCKERFILE, unfiltered: "1" }, tar);
    }
  }
}

/** The engine's words for a folder that it does not see. */
const NOT_SEEN = "the engine does not see";

/** Proof that the engine means the same folder: its device and inode. */
export function folderIdentity(path: string): string {
  const { dev, ino } = statSync(path);
  return `${dev}:${ino}`;
}

function folderQuery({
  path,
  dockerfile,
}: Extract<BuildContext, { kind: "folder" }>): Readonly<Record<string, string>> {
  return {
    folder: path,
    folderid: folderIdentity(path),
    dockerfilefolder: dirname(dockerfile),
    dockerfile: basename(dockerfile),
  };
}

/** Waits for the first message: a request that is refused throws here. */
async function begun(messages: Messages): Promise<Messages> {
  const iterator = messages[Symbol.asyncIterator]();
  const first = await iterator.next();
  return (async function* () {
    if (!first.done) yield first.value;
    yield* { [Symbol.asyncIterator]: () => iterator };
  })();
}
