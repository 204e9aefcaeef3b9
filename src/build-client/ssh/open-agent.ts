import { closeSync, fstatSync, openSync, readSync, type Stats, statSync } from "node:fs";
import { InvalidArgumentError, messageOf } from "#base/errors.ts";
import type { SshKey } from "./private-key.ts";

/** An agent of the client's for steps: the socket of one that runs, or keys. */
export type AgentSource =
  | { readonly kind: "socket"; readonly path: string }
  | { readonly kind: "keys"; readonly keys: readonly SshKey[] };

/** More of a file is not read: no key is so long. */
const KEY_MAX_BYTES = 100 * 1024;

/**
 * Finds what an agent is made of.
 *
 * @param paths One socket, or key files.
 * @throws {InvalidArgumentError} In buildx's words, and what to do about a passphrase.
 */
export async function openAgentSource(paths: readonly string[]): Promise<AgentSource> {
  const keys: SshKey[] = [];
  let socket: string | undefined;
  for (const path of paths) {
    if (socket !== undefined) throw new InvalidArgumentError("only single socket allowed");
    const found = statOf(path);
    if (found.isSocket()) {
      if (keys.length > 0) {
        throw new InvalidArgumentError("invalid combination of keys and sockets");
      }
      socket = path;
    } else keys.push(await readKey(path));
  }
  return socket === undefined ? { kind: "keys", keys } : { kind: "socket", path: socket };
}

function statOf(path: string): Stats {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found) return found;
  throw new InvalidArgumentError(`stat ${path}: no such file or directory`);
}

async function readKey(path: string): Promise<SshKey> {
  const text = readHead(path);
  // loaded where it is used alone: every build would pay for it
  const { parsePrivateKey } = await import("./private-key.ts");
  try {
    return parsePrivateKey(text);
  } catch (cause) {
    const reason = messageOf(cause);
    const hint = reason.includes("passphrase")
      ? `: add it to an agent by "ssh-add ${path}" and leave the path out`
      : "";
    throw new InvalidArgumentError(`failed to parse ${path}: ${reason}${hint}`, { cause });
  }
}

function readHead(path: string): string {
  let file: number | undefined;
  try {
    file = openSync(path, "r");
    if (fstatSync(file).isDirectory()) {
      throw new InvalidArgumentError(`read ${path}: is a directory`);
    }
    const bytes = Buffer.alloc(KEY_MAX_BYTES);
    let length = 0;
    for (let read = -1; read !== 0 && length < KEY_MAX_BYTES; length += read) {
      read = readSync(file, bytes, length, KEY_MAX_BYTES - length, null);
    }
    return bytes.toString("latin1", 0, length);
  } catch (cause) {
    throw new InvalidArgumentError(`failed to read ${path}: ${messageOf(cause)}`, { cause });
  } finally {
    if (file !== undefined) closeSync(file);
  }
}
