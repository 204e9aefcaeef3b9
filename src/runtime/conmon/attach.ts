import { ConflictError } from "#base/errors.ts";
import type { PacketSocket, Sockets } from "#host/sockets.ts";
import type { AttachStream } from "#runtime/runtime.ts";

const STDOUT = 2;
const STDERR = 3;

/**
 * conmon's attach socket: SOCK_SEQPACKET, one packet per read of the container's pipes, its first byte
 * the stream. What we send is the container's stdin. conmon writes to all clients in turn and waits for
 * each, which is how a slow reader slows the container.
 */
export interface AttachRequest {
  readonly socketPath: string;
  /** conmon closes the container's stdin when a client leaves: park the connection instead. */
  readonly mayNotLeave: boolean;
}

/** @throws {ConflictError} Nobody listens there. */
export async function connectAttach(
  sockets: Sockets,
  request: AttachRequest,
): Promise<AttachStream> {
  try {
    const socket = await sockets.connectSeqpacket(request.socketPath);
    return new ConmonAttachStream(socket, request.mayNotLeave);
  } catch (error) {
    throw new ConflictError("Cannot attach: the process is not running", { cause: error });
  }
}

class ConmonAttachStream implements AttachStream {
  readonly #socket: PacketSocket;
  readonly #mayNotLeave: boolean;
  readonly #packets: AsyncIterator<Uint8Array>;
  #parked: Promise<void> | undefined;
  #atEnd = false;

  constructor(socket: PacketSocket, mayNotLeave: boolean) {
    this.#socket = socket;
    this.#mayNotLeave = mayNotLeave;
    this.#packets = socket.packets()[Symbol.asyncIterator]();
  }

  async *output(): AsyncGenerator<{
    readonly stream: "stdout" | "stderr";
    readonly bytes: Uint8Array;
  }> {
    while (this.#parked === undefined) {
      const { done, value } = await this.#packets.next();
      if (done === true) {
        this.#atEnd = true;
        return;
      }
      const [tag] = value;
      if (tag !== STDOUT && tag !== STDERR) continue;
      yield { stream: tag === STDOUT ? "stdout" : "stderr", bytes: value.subarray(1) };
    }
  }

  async write(input: Uint8Array): Promise<void> {
    if (input.length > 0) await this.#socket.send(input); // an empty packet would be the end of input
  }

  endInput(): void {
    this.#socket.endWriting();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#mayNotLeave && !this.#atEnd) this.#parked ??= this.#drain();
    else await this.#socket[Symbol.asyncDispose]();
  }

  /** Reads on, so that conmon never waits for this client, until conmon ends. */
  async #drain(): Promise<void> {
    try {
      while ((await this.#packets.next()).done !== true);
    } finally {
      await this.#socket[Symbol.asyncDispose]();
    }
  }
}
