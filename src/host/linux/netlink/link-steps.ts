import { assertNever } from "#base/errors.ts";
import type { LinkOp } from "#host/netlink.ts";
import { addAddress, addRoute, deleteAddress } from "./address-requests.ts";
import type { LinkBatch } from "./link-batch.ts";
import * as links from "./link-requests.ts";
import {
  addForwarding,
  addNeighbour,
  deleteForwarding,
  deleteNeighbour,
} from "./neighbour-requests.ts";
import * as stacked from "./stacked-link-requests.ts";

/** Adds what one step takes. What follows on a device that was to be made or taken away waits for that. */
export function addSteps(batch: LinkBatch, op: LinkOp): void {
  const attempt = attemptOf(op);
  const index = (name: string): number => batch.indexOf(name, attempt);
  switch (op.kind) {
    case "add-bridge":
      batch.addFirst(attempt, links.addBridge(op));
      return addAlias(batch, op);
    case "add-veth":
      return addVethSteps(batch, op);
    case "add-macvlan":
    case "add-ipvlan": {
      const place = {
        parentIndex: index(op.parent),
        namespaceFd: batch.openNamespace(op.namespacePath),
      };
      const request =
        op.kind === "add-macvlan"
          ? stacked.addMacvlan({ ...op, ...place })
          : stacked.addIpvlan({ ...op, ...place });
      return batch.addFirst(attempt, request);
    }
    case "add-vlan":
      batch.addFirst(attempt, stacked.addVlan({ ...op, parentIndex: index(op.parent) }));
      return addAlias(batch, op);
    case "add-placeholder":
      batch.addFirst(attempt, stacked.addPlaceholder(op));
      return addAlias(batch, op);
    case "add-vxlan":
      batch.addFirst(attempt, stacked.addVxlan(op));
      return addAlias(batch, op);
    case "add-forwarding":
      return batch.add(attempt, addForwarding({ ...op, linkIndex: index(op.name) }));
    case "delete-forwarding":
      return batch.add(attempt, deleteForwarding({ ...op, linkIndex: index(op.name) }));
    case "add-neighbour":
      return batch.add(attempt, addNeighbour({ ...op, linkIndex: index(op.name) }));
    case "delete-neighbour":
      return batch.add(attempt, deleteNeighbour({ ...op, linkIndex: index(op.name) }));
    case "delete-link":
      return batch.addFirst(attempt, links.deleteLink(op.name));
    case "set-up":
      return batch.add(attempt, links.setUp(op.name, true));
    case "set-down":
      return batch.add(attempt, links.setUp(op.name, false));
    case "set-master":
      return batch.add(
        attempt,
        links.setMaster(op.name, op.master === null ? 0 : index(op.master)),
      );
    case "rename":
      return batch.addFirst(attempt, links.rename(index(op.name), op.to));
    case "move-link": {
      const namespaceFd = batch.openNamespace(op.namespacePath);
      return batch.addFirst(attempt, links.move(index(op.name), { to: op.to, namespaceFd }));
    }
    case "set-alias":
      return batch.add(attempt, links.setAlias(op.name, op.alias));
    case "set-mtu":
      return batch.add(attempt, links.setMtu(op.name, op.mtuBytes));
    case "set-mac":
      return batch.add(attempt, links.setMac(op.name, op.macAddress));
    case "add-address":
      return batch.add(attempt, addAddress(index(op.name), op.cidr));
    case "delete-address":
      return batch.add(attempt, deleteAddress(index(op.name), op.cidr));
    case "add-route":
      return batch.add(
        attempt,
        addRoute({ ...op, ...(op.name === undefined ? {} : { linkIndex: index(op.name) }) }),
      );
    case "set-hairpin":
      return batch.add(attempt, links.setHairpin(op.name, op.enabled));
    default:
      assertNever(op);
  }
}

/** The kernel takes no alias while it makes a device. */
function addAlias(
  batch: LinkBatch,
  op: Extract<
    LinkOp,
    { kind: "add-bridge" | "add-veth" | "add-vlan" | "add-placeholder" | "add-vxlan" }
  >,
): void {
  if (op.alias !== undefined) batch.add(attemptOf(op), links.setAlias(op.name, op.alias));
}

/** The name is random: nobody else's device is changed where this one could not be made. */
function addVethSteps(batch: LinkBatch, op: Extract<LinkOp, { kind: "add-veth" }>): void {
  const { master, peer, ...rest } = op;
  const attempt = attemptOf(op);
  const joined =
    master === undefined ? rest : { ...rest, masterIndex: batch.indexOf(master, attempt) };
  const namespaceFd = batch.openNamespace(peer.namespacePath);
  batch.add(attempt, links.addVeth({ ...joined, peer: { ...peer, namespaceFd } }));
  addAlias(batch, op);
}

function attemptOf(op: LinkOp): string {
  switch (op.kind) {
    case "add-bridge":
      return `Cannot add bridge "${op.name}"`;
    case "add-veth":
      return `Cannot add veth pair "${op.name}" and "${op.peer.name}"`;
    case "add-macvlan":
    case "add-ipvlan":
    case "add-vlan":
      return `Cannot add ${op.kind.slice("add-".length)} "${op.name}" on "${op.parent}"`;
    case "add-placeholder":
      return `Cannot add ${op.type} "${op.name}"`;
    case "add-vxlan":
      return `Cannot add vxlan "${op.name}"`;
    case "add-forwarding":
    case "delete-forwarding":
      return `Cannot ${op.kind === "add-forwarding" ? "add" : "delete"} forwarding of ${op.macAddress} to ${op.remoteAddress} on link "${op.name}"`;
    case "add-neighbour":
    case "delete-neighbour":
      return `Cannot ${op.kind === "add-neighbour" ? "add" : "delete"} neighbour ${op.address} on link "${op.name}"`;
    case "delete-link":
      return `Cannot delete link "${op.name}"`;
    case "add-address":
      return `Cannot add address ${op.cidr} to link "${op.name}"`;
    case "delete-address":
      return `Cannot delete address ${op.cidr} of link "${op.name}"`;
    case "add-route":
      return `Cannot add route to ${op.destination}`;
    case "rename":
      return `Cannot rename link "${op.name}" to "${op.to}"`;
    case "move-link":
      return `Cannot move link "${op.name}" to "${op.to}" in ${op.namespacePath}`;
    case "set-master":
      return op.master === null
        ? `Cannot take link "${op.name}" out of its bridge`
        : `Cannot put link "${op.name}" into bridge "${op.master}"`;
    case "set-up":
    case "set-down":
    case "set-alias":
    case "set-mtu":
    case "set-mac":
    case "set-hairpin":
      return `Cannot ${op.kind.replace("-", " ")} link "${op.name}"`;
    default:
      return assertNever(op);
  }
}
