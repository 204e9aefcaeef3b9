import { InvalidArgumentError } from "#base/errors.ts";

/** An agent of the client's: a socket, or keys that one is made of. */
export interface AgentWish {
  readonly id: string;
  /** Of a socket, or of keys; never empty. */
  readonly paths: readonly string[];
}

/**
 * Reads `--ssh default|ID[=SOCKET|KEY[,KEY]]`.
 *
 * @param defaultSocket `SSH_AUTH_SOCK`
 * @throws {InvalidArgumentError} No agent runs, in buildx's words.
 */
export function parseAgent(text: string, defaultSocket: string | undefined): AgentWish {
  const at = text.indexOf("=");
  const id = at < 0 ? text : text.slice(0, at);
  const paths = at < 0 ? [] : text.slice(at + 1).split(",");
  if (id === "") throw new InvalidArgumentError(`invalid ssh value ${JSON.stringify(text)}`);
  if (paths.length > 0 && paths.every((path) => path !== "")) return { id, paths };
  if (!defaultSocket) {
    throw new InvalidArgumentError(
      `failed to convert agent config for ID ${JSON.stringify(id)}: invalid empty ssh agent socket: make sure SSH_AUTH_SOCK is set`,
    );
  }
  return { id, paths: [defaultSocket] };
}
