import type { NetworkId } from "#spec/ids.ts";
import type { NameTable } from "./name-table.ts";
import { foldCase } from "./wire/name.ts";

/** One network that a container is on. */
export interface ZoneNetwork {
  readonly id: NetworkId;
  readonly name: string;
  /** Names that this container alone has for others there: `--link`. Folded, to the other's name. */
  readonly links: ReadonlyMap<string, string>;
}

/** What one container may know of: its networks, in the order in which they are asked. */
export type Zone = readonly ZoneNetwork[];

/**
 * Finds a name in Docker's order: the whole of it on every network, then what is before each dot, from the last
 * on, on the network that is called what is behind it. On each network a link goes before a name.
 *
 * @param text Without the root's dot.
 * @returns Undefined when it is nobody's.
 */
export function lookUpName(
  table: Pick<NameTable, "addressesOf">,
  zone: Zone,
  text: string,
): readonly string[] | undefined {
  for (let dot = text.length; dot > 0; dot = text.lastIndexOf(".", dot - 1)) {
    const name = foldCase(text.slice(0, dot));
    const networkName = foldCase(text.slice(dot + 1));
    const networks = zone.filter((one) => networkName === "" || foldCase(one.name) === networkName);
    const found = onFirst(networks, ({ id, links }) => {
      const target = links.get(name);
      return target === undefined ? [] : table.addressesOf(id, target);
    });
    if (found) return found;
    const named = onFirst(networks, ({ id, links }) =>
      links.has(name) ? [] : table.addressesOf(id, name),
    );
    if (named) return named;
  }
  return undefined;
}

function onFirst(
  networks: Zone,
  look: (network: ZoneNetwork) => readonly string[],
): readonly string[] | undefined {
  for (const network of networks) {
    const addresses = look(network);
    if (addresses.length > 0) return addresses;
  }
  return undefined;
}

/** The full name, `web.net`, of the container that has an address on one of the networks. */
export function lookUpAddress(
  table: Pick<NameTable, "nameOf">,
  zone: Zone,
  address: string,
): string | undefined {
  for (const { id, name } of zone) {
    const found = table.nameOf(id, address);
    if (found !== undefined) return `${found}.${name}`;
  }
  return undefined;
}
