/**
 * Hands a descriptor to Bun's event loop as a socket, which owns and closes it from here on.
 *
 * Bun takes `fd` and declares `FdSocketOptions`, but lists no overload of `Bun.connect` with it.
 */
export function connectDescriptor(
  fd: number,
  handlers: Bun.SocketHandler<undefined>,
  options: { readonly allowHalfOpen?: boolean } = {},
): Promise<Bun.Socket<undefined>> {
  const given: Bun.FdSocketOptions = { fd, socket: handlers, ...options };
  const connect = Bun.connect as unknown as (
    options: Bun.FdSocketOptions,
  ) => Promise<Bun.Socket<undefined>>;
  return connect(given);
}
