import { NotFoundError } from "#base/errors.ts";
import type { SecretSource, SshSource } from "#builder/builder.ts";
import { isSeen } from "#builder/doors/seen-folder.ts";
import type { CredentialSource } from "#builder/sources/image-source.ts";
import type { LocalSources, LocalTree, LocalTreeRequest } from "#builder/sources/local-source.ts";
import type { RegistryCredentials } from "#registry-client/auth/credentials.ts";
import { NOT_FOUND, StatusError } from "#rpc/status.ts";
import {
  AUTH_CREDENTIALS,
  CHECK_SSH_AGENT,
  CREDENTIALS_REQUEST,
  CREDENTIALS_RESPONSE,
  FILE_SYNC,
  GET_SECRET,
  PULL_UPLOAD,
  SECRET_REQUEST,
  SSH_AGENT_REQUEST,
  UPLOAD_HOST,
  UPLOAD_PATH_KEY,
} from "#spec/buildkit/session.ts";
import { BYTES_MESSAGE, EMPTY } from "#spec/buildkit/shared.ts";
import type { ClientSession } from "./client-session.ts";
import type { KeptTrees } from "./kept-trees.ts";
import { receiveTree } from "./receive-tree.ts";
import { serveAgent } from "./ssh-agent.ts";

/** How often progress is told. */
const PROGRESS_MS = 100;

/** A session's folders: read in place where the client is beside the engine; else sent when asked for, and kept for the next build. */
export class SessionFolders implements LocalSources {
  readonly #session: ClientSession;
  readonly #trees: KeptTrees;

  constructor(session: ClientSession, trees: KeptTrees) {
    this.#session = session;
    this.#trees = trees;
  }

  async open(request: LocalTreeRequest, signal: AbortSignal): Promise<LocalTree> {
    const { name, ignored, onlyPaths = [] } = request;
    const seen = this.#session.head.folders.get(name);
    if (seen && isSeen(seen)) {
      return { path: seen.path, ignored, [Symbol.asyncDispose]: async () => {} };
    }
    if (!this.#session.offers(FILE_SYNC)) {
      throw new NotFoundError(
        `Cannot open the build's folder ${JSON.stringify(name)}: the client sends none`,
      );
    }
    const { sharedKey } = this.#session.head;
    // a part of a folder is kept apart from the whole: each would remove what only the other has
    const key = sharedKey === "" ? undefined : JSON.stringify([sharedKey, name, onlyPaths]);
    const tree = this.#trees.take(key, `local source for ${name}`);
    let identity: string;
    try {
      const wish = { name, includes: onlyPaths, excludes: ignored };
      const place = { root: tree.path, old: tree.index, onChange: () => tree.begin() };
      let receivedBytes = 0;
      let toldMs = 0;
      const index = await receiveTree(
        this.#session,
        wish,
        place,
        (bytes) => {
          receivedBytes = bytes;
          if (performance.now() - toldMs < PROGRESS_MS) return;
          toldMs = performance.now();
          request.onProgress?.(bytes, false);
        },
        signal,
      );
      request.onProgress?.(receivedBytes, true);
      identity = tree.keep(index);
    } catch (error) {
      await tree.release();
      throw error;
    }
    return {
      path: tree.path,
      ignored: [],
      identity,
      [Symbol.asyncDispose]: () => tree.release(),
    };
  }
}

/** What the client reads from its standard input. */
export async function* pullUpload(
  session: ClientSession,
  path: string,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const metadata = { [UPLOAD_PATH_KEY]: path, urlhost: UPLOAD_HOST };
  const either = AbortSignal.any([signal, session.signal]);
  await using stream = await session.client.open(PULL_UPLOAD, metadata, either);
  for await (const message of stream.messages) yield BYTES_MESSAGE.decode(message).data;
}

export function sessionSecrets(session: ClientSession): SecretSource {
  return {
    read: async (id, signal) => {
      if (!session.offers(GET_SECRET)) return undefined;
      try {
        const codecs = { request: SECRET_REQUEST, response: BYTES_MESSAGE };
        return (await session.client.call(GET_SECRET, codecs, { id }, signal)).data;
      } catch (error) {
        if (error instanceof StatusError && error.status.code === NOT_FOUND) return undefined;
        throw error;
      }
    },
  };
}

export function sessionAgents(session: ClientSession): SshSource {
  return {
    has: async (id, signal) => {
      if (!session.offers(CHECK_SSH_AGENT)) return false;
      try {
        const codecs = { request: SSH_AGENT_REQUEST, response: EMPTY };
        await session.client.call(CHECK_SSH_AGENT, codecs, { id }, signal);
        return true;
      } catch (error) {
        if (error instanceof StatusError) return false;
        throw error;
      }
    },
    serve: (id, path, signal) => serveAgent(session, id, path, signal),
  };
}

/** The name that docker's configuration has for Docker Hub is found by this one. */
const HUB_HOST = "registry-1.docker.io";

export function sessionCredentials(session: ClientSession): CredentialSource {
  return {
    get: async (domain, signal): Promise<RegistryCredentials> => {
      if (!session.offers(AUTH_CREDENTIALS)) return {};
      const host = domain === "docker.io" ? HUB_HOST : domain;
      const codecs = { request: CREDENTIALS_REQUEST, response: CREDENTIALS_RESPONSE };
      const found = await session.client.call(AUTH_CREDENTIALS, codecs, { host }, signal);
      const { username, secret } = found;
      if (secret === "") return {};
      return username === "" ? { identityToken: secret } : { username, password: secret };
    },
  };
}
