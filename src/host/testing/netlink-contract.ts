import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { ConflictError, NotFoundError } from "#base/errors.ts";
import type { Namespaces } from "#host/namespaces.ts";
import type { LinkOp, Netlink } from "#host/netlink.ts";

export interface NetlinkSubject extends Disposable {
  readonly netlink: Netlink;
  readonly namespaces: Namespaces;
  /** Two pinned namespaces: one that plays the host, one a container. */
  readonly host: string;
  readonly container: string;
  /** Where another could be pinned. */
  readonly spare: string;
}

const BRIDGE: LinkOp = {
  kind: "add-bridge",
  name: "br0",
  macAddress: "02:42:00:00:00:01",
  mtuBytes: 1400,
  alias: "wharf test",
};

export function netlinkContract(driver: string, open: () => NetlinkSubject): void {
  describe(`${driver} keeps the contract of Netlink and Namespaces:`, () => {
    let subject: NetlinkSubject;
    let netlink: Netlink;

    beforeEach(() => {
      subject = open();
      netlink = subject.netlink;
    });
    afterEach(() => subject[Symbol.dispose]());

    const addPair = (): void => {
      const peer = {
        name: "eth7",
        namespacePath: subject.container,
        macAddress: "02:42:0a:09:00:02",
      };
      netlink.apply(
        [BRIDGE, { kind: "add-veth", name: "v0", alias: "a", master: "br0", mtuBytes: 1400, peer }],
        subject.host,
      );
    };

    test("a new namespace has nothing but lo, up", () => {
      const links = netlink.links(subject.container);
      expect(links.map(({ name, isUp }) => [name, isUp])).toEqual([["lo", true]]);
      const v4 = netlink.addresses(subject.container).filter(({ cidr }) => !cidr.includes(":"));
      expect(v4).toEqual([{ linkIndex: 1, cidr: "127.0.0.1/8", scope: "host" }]);
    });

    test("createNetwork() refuses a pin that is there, removeNetwork() says whether one was", () => {
      expect(() => subject.namespaces.createNetwork(subject.host)).toThrow(ConflictError);
      expect(subject.namespaces.inodeOf(subject.host)).not.toBe(
        subject.namespaces.inodeOf(subject.container),
      );
      subject.namespaces.createNetwork(subject.spare);
      expect(subject.namespaces.removeNetwork(subject.spare)).toBe(true);
      expect(subject.namespaces.removeNetwork(subject.spare)).toBe(false);
      expect(() => netlink.links(subject.spare)).toThrow(NotFoundError);
    });

    test("inNetwork() gives what its work gives, also nested, and comes back after a throw", () => {
      const { namespaces, host, container } = subject;
      const nested = (): string => namespaces.inNetwork(container, () => "inside");
      expect(namespaces.inNetwork(host, nested)).toBe("inside");
      const failing = (): void => {
        throw new ConflictError("stop");
      };
      expect(() => namespaces.inNetwork(host, failing)).toThrow(ConflictError);
      expect(() => namespaces.inNetwork(subject.spare, nested)).toThrow(NotFoundError);
    });

    test("apply() adds a bridge as asked, down", () => {
      netlink.apply([BRIDGE], subject.host);
      expect(netlink.link("br0", subject.host)).toMatchObject({
        name: "br0",
        kind: "bridge",
        macAddress: "02:42:00:00:00:01",
        mtuBytes: 1400,
        alias: "wharf test",
        isUp: false,
      });
      netlink.apply([{ kind: "set-up", name: "br0" }], subject.host);
      expect(netlink.link("br0", subject.host)?.isUp).toBe(true);
    });

    test("apply() adds a veth pair: one end up in the bridge, the other born in its namespace", () => {
      addPair();
      const bridge = netlink.link("br0", subject.host);
      const near = netlink.link("v0", subject.host);
      const far = netlink.link("eth7", subject.container);
      expect(near).toMatchObject({ kind: "veth", isUp: true, mtuBytes: 1400, alias: "a" });
      expect(near?.masterIndex).toBe(bridge?.index ?? -1);
      expect(near?.peerIndex).toBe(far?.index ?? -1);
      expect(far).toMatchObject({
        kind: "veth",
        isUp: false,
        mtuBytes: 1400,
        macAddress: "02:42:0a:09:00:02",
      });
    });

    test("apply() gives the container's end its name, address and way out", () => {
      addPair();
      netlink.apply(
        [
          { kind: "rename", name: "eth7", to: "eth0" },
          { kind: "add-address", name: "eth0", cidr: "10.9.0.2/24" },
          { kind: "set-up", name: "eth0" },
          { kind: "add-route", destination: "default", gateway: "10.9.0.1", name: "eth0" },
        ],
        subject.container,
      );
      const index = netlink.link("eth0", subject.container)?.index ?? -1;
      expect(netlink.addresses(subject.container)).toContainEqual({
        linkIndex: index,
        cidr: "10.9.0.2/24",
        scope: "global",
      });
      expect(netlink.routes(subject.container)).toContainEqual({
        destination: "default",
        gateway: "10.9.0.1",
        linkIndex: index,
        table: 254,
        family: 4,
      });
    });

    test("apply() changes and takes back", () => {
      addPair();
      const host = subject.host;
      netlink.apply(
        [
          { kind: "set-hairpin", name: "v0", enabled: true },
          { kind: "set-master", name: "v0", master: null },
          { kind: "set-down", name: "v0" },
          { kind: "set-mac", name: "v0", macAddress: "02:00:00:00:00:09" },
          { kind: "set-mtu", name: "v0", mtuBytes: 1300 },
          { kind: "set-alias", name: "v0", alias: "other" },
          { kind: "add-address", name: "v0", cidr: "10.8.0.1/24" },
          { kind: "delete-address", name: "v0", cidr: "10.8.0.1/24" },
        ],
        host,
      );
      const link = netlink.link("v0", host);
      expect(link).toMatchObject({
        isUp: false,
        macAddress: "02:00:00:00:00:09",
        mtuBytes: 1300,
        alias: "other",
      });
      expect(link?.masterIndex).toBeUndefined();
      expect(netlink.addresses(host).map(({ cidr }) => cidr)).not.toContain("10.8.0.1/24");
    });

    test("apply() gives a namespace a device on top of one of the host's", () => {
      addPair();
      const stacked: LinkOp = {
        kind: "add-macvlan",
        name: "eth8",
        parent: "br0",
        mode: "private",
        namespacePath: subject.container,
        macAddress: "02:42:0a:09:00:03",
      };
      netlink.apply([stacked], subject.host);
      expect(netlink.link("eth8", subject.container)).toMatchObject({
        kind: "macvlan",
        macAddress: "02:42:0a:09:00:03",
        isUp: false,
      });
      expect(() => netlink.apply([{ ...stacked, parent: "none0" }], subject.host)).toThrow(
        NotFoundError,
      );
    });

    test("apply() tells a VXLAN device who has what where, and forgets it", () => {
      const entry = { name: "vx0", macAddress: "02:42:0a:09:00:09", remoteAddress: "192.0.2.7" };
      const neighbour = { name: "vx0", address: "10.9.0.9", macAddress: entry.macAddress };
      netlink.apply(
        [
          { kind: "add-vxlan", name: "vx0", vni: 4097, port: 4789, mtuBytes: 1400, alias: "a" },
          { kind: "set-up", name: "vx0" },
          { kind: "add-forwarding", ...entry },
          { kind: "add-forwarding", ...entry, remoteAddress: "192.0.2.8" },
          { kind: "add-neighbour", ...neighbour },
        ],
        subject.host,
      );
      const known = () =>
        netlink
          .neighbours(subject.host)
          .filter(({ macAddress }) => macAddress === entry.macAddress)
          .map(({ address, isForwarding }) => [address, isForwarding]);
      expect(known()).toContainEqual(["10.9.0.9", false]);
      expect(known()).toContainEqual(["192.0.2.8", true]);
      netlink.apply(
        [
          { kind: "delete-forwarding", ...entry, remoteAddress: "192.0.2.8" },
          { kind: "delete-neighbour", name: "vx0", address: "10.9.0.9" },
        ],
        subject.host,
      );
      expect(known().some(([address]) => address !== "192.0.2.7")).toBe(false);
    });

    test("apply() moves a device into another namespace, down and under another name", () => {
      addPair();
      const move = { kind: "move-link", name: "v0", to: "lan0" } as const;
      netlink.apply([{ ...move, namespacePath: subject.container }], subject.host);
      expect(netlink.link("v0", subject.host)).toBeUndefined();
      expect(netlink.link("lan0", subject.container)).toMatchObject({ kind: "veth", isUp: false });
      const back = { ...move, name: "lan0", to: "br0", namespacePath: subject.host } as const;
      expect(() => netlink.apply([back], subject.container)).toThrow(ConflictError);
    });

    test("deleting one end of a pair takes the other", async () => {
      addPair();
      await netlink.applyAside([{ kind: "delete-link", name: "v0" }], subject.host);
      expect(netlink.link("v0", subject.host)).toBeUndefined();
      expect(netlink.link("eth7", subject.container)).toBeUndefined();
    });

    test("deleteLink() leaves no trace that is seen, and the name free", async () => {
      addPair();
      await netlink.deleteLink("v0", subject.host);
      expect(netlink.links(subject.host).map(({ name }) => name)).not.toContain("v0");
      expect(netlink.link("eth7", subject.container)).toBeUndefined();
      await netlink.deleteLink("br0", subject.host);
      addPair();
      expect(netlink.deleteLink("none", subject.host)).rejects.toThrow(NotFoundError);
    });

    test("steps behind a device that could not be made are not taken on another of its name", () => {
      netlink.apply([BRIDGE], subject.host);
      const again = { ...BRIDGE, alias: "other" };
      expect(() => netlink.apply([again], subject.host)).toThrow(ConflictError);
      expect(netlink.link("br0", subject.host)?.alias).toBe("wharf test");
      const moved: LinkOp[] = [
        { kind: "delete-link", name: "br0" },
        BRIDGE,
        { kind: "add-address", name: "br0", cidr: "10.9.0.1/24" },
        { kind: "set-up", name: "br0" },
        { kind: "add-route", destination: "10.8.0.0/24", gateway: "10.9.0.2" },
      ];
      netlink.apply(moved, subject.host);
      expect(netlink.routes(subject.host).map(({ destination }) => destination)).toContain(
        "10.8.0.0/24",
      );
    });

    test("what exists is a conflict, what does not is not-found; earlier steps stay", async () => {
      addPair();
      const { host, container, spare } = subject;
      const apply = (op: LinkOp) => (): void => netlink.apply([op], host);
      expect(apply(BRIDGE)).toThrow(ConflictError);
      const veth = { kind: "add-veth", name: "v1" } as const;
      expect(apply({ ...veth, peer: { name: "eth7", namespacePath: container } })).toThrow(
        ConflictError,
      );
      expect(apply({ ...veth, peer: { name: "eth8", namespacePath: spare } })).toThrow(
        NotFoundError,
      );
      const peer = { name: "eth8", namespacePath: container };
      expect(apply({ ...veth, master: "br9", peer })).toThrow(NotFoundError);
      for (const kind of ["delete-link", "set-up", "set-down"] as const) {
        expect(apply({ kind, name: "none" })).toThrow(NotFoundError);
      }
      expect(apply({ kind: "delete-address", name: "br0", cidr: "10.1.1.1/24" })).toThrow(
        NotFoundError,
      );
      expect(netlink.applyAside([{ kind: "delete-link", name: "none" }], host)).rejects.toThrow(
        NotFoundError,
      );
      expect(() =>
        netlink.apply(
          [
            { kind: "add-address", name: "br0", cidr: "10.7.0.1/24" },
            { kind: "add-address", name: "br0", cidr: "10.7.0.1/24" },
          ],
          host,
        ),
      ).toThrow(ConflictError);
      expect(netlink.addresses(host).map(({ cidr }) => cidr)).toContain("10.7.0.1/24");
      expect(netlink.link("v1", host)).toBeUndefined();
    });
  });
}
