import type { PortRequest, PublishedPort } from "#networks/networks.ts";
import type { PortAllocator, PortOwner, PortReservation } from "./port-allocator.ts";

/**
 * Reserves ports for a container that is to give others back. A port of the host that is among both, to lead
 * to another port of the container, is let go first.
 *
 * @param held What the container has reserved.
 * @returns The new reservation; `giveUp` is its disposal before it is used, and takes the old ports again.
 * @throws {PortInUseError} Naming the holder; the old ports are reserved as before.
 */
export async function reserveInstead(
  ports: PortAllocator,
  held: readonly PortReservation[],
  owner: PortOwner,
  change: { readonly add: readonly PortRequest[]; readonly remove: readonly PublishedPort[] },
): Promise<PortReservation & { giveUp(): Promise<void> }> {
  const moving = change.remove.filter((port) => change.add.some((wish) => mayTake(wish, port)));
  await using undo = new AsyncDisposableStack();
  for (const reservation of held) {
    const released = await reservation.release(moving);
    undo.defer(() => reservation.retake(released));
  }
  const reservation = await ports.reserve(owner, change.add);
  undo.defer(() => reservation[Symbol.asyncDispose]());
  const unused = undo.move();
  return {
    ...reservation,
    giveUp: () => unused.disposeAsync(),
  };
}

function mayTake({ protocol, hostPort }: PortRequest, port: PublishedPort): boolean {
  if (hostPort === 0 || protocol !== port.protocol) return false;
  return port.hostPort >= hostPort.first && port.hostPort <= hostPort.last;
}
