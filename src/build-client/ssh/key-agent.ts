import { FailedPreconditionError } from "#base/errors.ts";
import type { SshKey } from "./private-key.ts";
import { sshBytes, sshNumber, SshReader } from "./ssh-wire.ts";

/** OpenSSH's limit for one message. */
const MESSAGE_MAX_BYTES = 256 * 1024;
// draft-ietf-sshm-ssh-agent, 6.1
const FAILURE = 5;
const REQUEST_IDENTITIES = 11;
const IDENTITIES_ANSWER = 12;
const SIGN_REQUEST = 13;
const SIGN_RESPONSE = 14;

/**
 * One connection to an agent that has these keys: it lists them and signs with them, and refuses all else.
 *
 * @throws {FailedPreconditionError} A message that is too long.
 */
export async function* serveKeys(
  keys: readonly SshKey[],
  input: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  let waiting: Buffer = Buffer.alloc(0);
  for await (const bytes of input) {
    waiting = Buffer.concat([waiting, bytes]);
    while (waiting.length >= 4) {
      const length = waiting.readUInt32BE();
      if (length > MESSAGE_MAX_BYTES) {
        throw new FailedPreconditionError(`A message to the ssh agent has ${length} bytes`);
      }
      if (waiting.length < 4 + length) break;
      const message = waiting.subarray(4, 4 + length);
      waiting = waiting.subarray(4 + length);
      yield sshBytes(answerTo(message, keys));
    }
  }
}

/** @returns A message, without its length. */
export function answerTo(message: Uint8Array, keys: readonly SshKey[]): Uint8Array {
  try {
    switch (message[0]) {
      case REQUEST_IDENTITIES: {
        const rows = keys.flatMap(({ publicBlob, comment }) => [
          sshBytes(publicBlob),
          sshBytes(comment),
        ]);
        return Buffer.concat([Buffer.from([IDENTITIES_ANSWER]), sshNumber(keys.length), ...rows]);
      }
      case SIGN_REQUEST: {
        const request = new SshReader(message.subarray(1));
        const [blob, data, flags] = [request.bytes(), request.bytes(), request.number()];
        const key = keys.find(({ publicBlob }) => blob.equals(publicBlob));
        if (!key) break;
        return Buffer.concat([Buffer.from([SIGN_RESPONSE]), sshBytes(key.sign(data, flags))]);
      }
      default:
    }
  } catch {
    // a message that is broken is refused as one that is not known
  }
  return Buffer.from([FAILURE]);
}
