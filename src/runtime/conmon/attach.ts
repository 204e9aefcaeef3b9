import { ConflictError } from "#base/errors.ts";
import type { PacketSocket, Sockets } from "#host/sockets.ts";
import type { AttachStream } from "#runtime/runtime.ts";

const STDOUT = 2;
const STDERR = 3;
/** Of input; nobody types as much. */
const MUCH_BYTES = 1024 * 1024;
/**
 * Rather than the kernel's 64 KiB. The program often reads 4 KiB at a time; conmon then wakes up for each, and of 200 MB
 * takes twice the time.
 */
const WIDE_PIPE_BYTES = 256 * 1024;

/**
 * conmon's attach socket: SOCK_SEQPACKET, one packet per read of the container's pipes, its first byte
 * the stream. What we send is the container's stdin. conmon writes to all clients in turn and waits for
 * each, which is how a slow reader slows the container.
 */
export interface AttachRequest {
  readonly socketPath: string;
  /** conmon closes the container's stdin when a client leaves: park the connection instead. */
  readonly mayNotLeave: boolean;
  /** Gives conmon a larger pipe to the process. Called once, for a client that sends much. */
  readonly widenInput: (sizeBytes: number) => void;
}

/** @throws {ConflictError} Nobody listens there. */
export async function connectAttach(
  sockets: Sockets,
  request: AttachRequest,
): Promise<AttachStream> {
  try {
    const socket = await sockets.connectSeqpacket(request.socketPath);
    return new ConmonAttachStream(socket, request);
  } catch (error) {
    throw new ConflictError("Cannot attach: the process is not running", { cause: error });
  }
}

class ConmonAttachStream implements AttachStream {
  readonly #socket: PacketSocket;
  readonly #request: AttachRequest;
  readonly #packets: AsyncIterator<Uint8Array>;
  #parked: Promise<void> | undefined;
  #atEnd = false;
  #sentBytes = 0;

  constructor(socket: PacketSocket, request: AttachRequest) {
    this.#socket = socket;
    this.#request = request;
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
    if (input.length === 0) return; // an empty packet would be the end of input
    const isMuch = this.#sentBytes >= MUCH_BYTES;
    this.#sentBytes += input.length;
    if (!isMuch && this.#sentBytes >= MUCH_BYTES) this.#request.widenInput(WIDE_PIPE_BYTES);
    await this.#socket.send(input);
  }

  endInput(): void {
    this.#socket.endWriting();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#request.mayNotLeave && !this.#atEnd) this.#parked ??= this.#drain();
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
