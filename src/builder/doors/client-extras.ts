import { connect, createServer, type Socket } from "node:net";
import { statSync } from "node:fs";
import { InternalError, NotFoundError } from "#base/errors.ts";
import type { SecretSource, SshSource } from "#builder/builder.ts";

/** A folder that a client beside the engine means. */
export interface SeenFolder {
  readonly path: string;
  /** `<device>:<inode>` as the client sees it: proof that both see the same. */
  readonly identity: string;
}

/** What our own client gives a classic build, which has no session to ask it by. */
export interface ClientExtras {
  /** Folders of `context:NAME=local:ID`, by id. */
  readonly folders: ReadonlyMap<string, SeenFolder>;
  readonly secrets: ReadonlyMap<string, Uint8Array>;
  /** Paths of agents' sockets on this host, by id. */
  readonly sshAgents: ReadonlyMap<string, string>;
  readonly entitlements: ReadonlySet<string>;
}

/** Whether the path is the same folder here. */
export function isSeen({ path, identity }: SeenFolder): boolean {
  const found = statSync(path, { throwIfNoEntry: false });
  return found?.isDirectory() === true && `${found.dev}:${found.ino}` === identity;
}

/** @throws {NotFoundError} The path is another folder here, or none. */
export function checkSeen(folder: SeenFolder): void {
  if (isSeen(folder)) return;
  const { path } = folder;
  throw new NotFoundError(`Cannot build in ${path}: the engine does not see the client's folder`);
}

export function secretSource(secrets: ReadonlyMap<string, Uint8Array>): SecretSource {
  return { read: (id) => Promise.resolve(secrets.get(id)) };
}

/** Hands connections of a step on to the agents' own sockets. */
export function sshSource(agents: ReadonlyMap<string, string>): SshSource {
  return {
    has: (id) => Promise.resolve(agents.has(id)),
    serve: async (id, path) => {
      const agent = agents.get(id);
      if (agent === undefined) throw new InternalError(`no agent ${id} was offered`);
      const open = new Set<Socket>();
      const server = createServer((socket) => {
        const upstream = connect(agent);
        for (const [one, other] of [
          [socket, upstream],
          [upstream, socket],
        ] as const) {
          open.add(one);
          one.pipe(other);
          // either end may hang up at any time: the other learns it by its own end
          one.on("error", () => other.destroy());
          one.on("close", () => open.delete(one));
        }
      });
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen(path, resolve);
      });
      return {
        [Symbol.asyncDispose]: async () => {
          for (const socket of open) socket.destroy();
          await new Promise<void>((resolve) => server.close(() => resolve()));
        },
      };
    },
  };
}
