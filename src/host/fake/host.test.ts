import { describe, expect, test } from "bun:test";
import { clockContract } from "#host/testing/clock-contract.ts";
import { mountsContract } from "#host/testing/mounts-contract.ts";
import { netlinkContract } from "#host/testing/netlink-contract.ts";
import { ManualClock } from "./clock.ts";
import { openFakeHost } from "./host.ts";

clockContract("ManualClock", () => {
  const clock = new ManualClock();
  return { clock, pass: (byMs) => clock.advance(byMs) };
});

mountsContract("FakeMounts", () => {
  const { mounts } = openFakeHost();
  return {
    mounts,
    folder: (name) => `/fake/${name}`,
    missing: () => {
      mounts.pretendMissing("/fake/missing");
      return "/fake/missing";
    },
    [Symbol.dispose]: () => {},
  };
});

netlinkContract("FakeNetlink", () => {
  const { netlink, namespaces } = openFakeHost();
  const [host, container, spare] = ["/pins/host", "/pins/container", "/pins/spare"] as const;
  namespaces.createNetwork(host);
  namespaces.createNetwork(container);
  return { netlink, namespaces, host, container, spare, [Symbol.dispose]: () => {} };
});

describe("openFakeHost()", () => {
  test("processes live until they are ended or killed", async () => {
    const { processes } = openFakeHost();
    const { pid, exited } = processes.spawn({ argv: ["/bin/x"], stdio: ["ignore"] });
    const identity = processes.identify(pid) ?? { pid: -1, startTicks: -1 };
    const gone = processes.waitGone(identity);
    expect(processes.kill(identity, 15)).toBe(true);
    expect(processes.isAlive(identity)).toBe(true);
    expect(processes.kill(identity, 9)).toBe(true);
    expect(await exited).toEqual({ signal: 9 });
    await gone;
    expect(processes.kill(identity, 9)).toBe(false);
    expect(processes.identify(pid)).toBeUndefined();
  });

  test("sockets hand packets over one by one, to both ends' close", async () => {
    const { sockets } = openFakeHost();
    const echoed: Promise<void>[] = [];
    sockets.listen("/x", (far) => {
      echoed.push(
        (async () => {
          for await (const packet of far.packets()) void far.send(packet);
          far.endWriting();
        })(),
      );
    });
    await using near = await sockets.connectSeqpacket("/x");
    void near.send(Buffer.from("one"));
    void near.send(Buffer.from("two")).then(() => near.endWriting());
    const got: string[] = [];
    for await (const packet of near.packets()) got.push(Buffer.from(packet).toString());
    await Promise.all(echoed);
    expect(got).toEqual(["one", "two"]);
  });

  test("locks, ports and cgroups are held until given back", () => {
    const { files, sockets, cgroups } = openFakeHost();
    const lock = files.lock("/l");
    expect(files.lock("/l")).toBeUndefined();
    lock?.[Symbol.dispose]();
    expect(files.lock("/l")).toBeDefined();
    const port = sockets.reservePort("tcp", "0.0.0.0", 80);
    expect(sockets.reservePort("tcp", "0.0.0.0", 80)).toBeUndefined();
    sockets.closeDescriptor(port ?? -1);
    expect(sockets.reservePort("tcp", "0.0.0.0", 80)).toBeDefined();
    cgroups.set("/a/b", { pids: [7] });
    expect(cgroups.children("/a")).toEqual(["b"]);
    expect(() => cgroups.remove("/a")).toThrow();
    cgroups.kill("/a");
    cgroups.remove("/a");
    expect(cgroups.exists("/a")).toBe(false);
  });
});
