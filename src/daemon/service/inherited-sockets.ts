import { FailedPreconditionError, InvalidArgumentError } from "#base/errors.ts";

const FIRST_DESCRIPTOR = 3;

/** A listening socket that the service manager opened. */
export interface InheritedSocket {
  readonly descriptor: number;
  readonly name: string;
}

/**
 * The sockets that `-H fd://NAME` means: all for an empty name or `*`, else those of that name
 * (FileDescriptorName= of the socket unit), or the one of that number.
 *
 * @param names Of the descriptors from 3 on.
 * @throws {FailedPreconditionError} None was handed over. {InvalidArgumentError} None of that name.
 */
export function chooseInheritedSockets(
  wanted: string,
  names: readonly string[],
): readonly InheritedSocket[] {
  const all = names.map((name, index) => ({ name, descriptor: FIRST_DESCRIPTOR + index }));
  if (all.length === 0) {
    throw new FailedPreconditionError(
      `Cannot listen on fd://${wanted}: no sockets found via socket activation: make sure the service was started by systemd`,
    );
  }
  if (wanted === "" || wanted === "*") return all;
  const found = all.filter(
    ({ name, descriptor }) => name === wanted || String(descriptor) === wanted,
  );
  if (found.length > 0) return found;
  throw new InvalidArgumentError(
    `Cannot listen on fd://${wanted}: the sockets that were handed over are ${names.join(", ")}`,
  );
}
