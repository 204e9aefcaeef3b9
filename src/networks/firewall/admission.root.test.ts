import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { Sandbox } from "#networks/networks.ts";
import { Lab, type LabEngine, type Outside, SILENCE_MS } from "#networks/testing/lab.ts";
import { testInOwnNetwork } from "#networks/testing/own-network.ts";

const TCP = { protocol: "tcp", containerPort: 80, hostPort: 0 } as const;
const UDP = { protocol: "udp", containerPort: 53, hostPort: 0 } as const;

async function run(...argv: readonly string[]): Promise<string> {
  const child = Bun.spawn([...argv], { stdio: ["ignore", "pipe", "inherit"] });
  const output = await new Response(child.stdout).text();
  expect(await child.exited, argv.join(" ")).toBe(0);
  return output;
}

/** A host that takes nothing from outside but answers, neighbour discovery and what `rules` say. */
async function closeInput(...rules: readonly string[]): Promise<void> {
  await run(
    "nft",
    [
      "add table inet host",
      "add chain inet host input { type filter hook input priority filter; policy drop; }",
      "flush chain inet host input",
      "add rule inet host input ct state established,related accept",
      'add rule inet host input iifname "lo" accept',
      "add rule inet host input meta l4proto icmpv6 accept",
      ...rules.map((rule) => `add rule inet host input ${rule}`),
    ].join("\n"),
  );
}

testInOwnNetwork(import.meta.path, () => {
  let lab: Lab;
  let outside: Outside;
  let engine: LabEngine;
  let web: Sandbox;
  beforeEach(async () => {
    await run("nft", "flush ruleset");
    lab = await Lab.open();
    outside = lab.outside();
  });
  afterEach(() => lab[Symbol.asyncDispose]());

  async function startServing(firewall: "cooperate" | "respect"): Promise<void> {
    engine = await lab.engine({ firewall });
    await engine.networks.reconcile(new Set());
    web = await lab.containerOn(engine, "web", { enableIpv6: true }, [TCP, UDP]);
    lab.serveTcp(web.namespacePath, 80, "::");
    await lab.serveUdp(web.namespacePath, 53, "::");
  }

  const port = (protocol = "tcp"): number =>
    web.ports.find((one) => one.protocol === protocol)?.hostPort ?? 0;
  const ask = (waitMs?: number) =>
    lab.askTcp(outside.namespacePath, outside.hostAddress, port(), waitMs);
  const ask6 = (waitMs?: number) =>
    lab.askTcp(outside.namespacePath, outside.hostAddress6, port(), waitMs);
  const askUdp = async (address: string, waitMs?: number) =>
    await (await lab.udpClient(outside.namespacePath, address, port("udp"))).ask(waitMs);

  describe("a published port with --firewall=respect", () => {
    test("is open where the host's INPUT is, with the client's own address", async () => {
      await startServing("respect");
      for (let count = 0; count < 3; count += 1) {
        expect(await ask()).toBe(`::ffff:${outside.address}`);
        expect(await ask6()).toBe(outside.address6);
      }
      expect(await askUdp(outside.hostAddress)).toBe(`::ffff:${outside.address}`);
      expect(await askUdp(outside.hostAddress6)).toBe(outside.address6);
    });

    test("is closed where INPUT drops, and opened by a rule for the host's port there", async () => {
      await closeInput();
      await startServing("respect");
      expect(await ask(SILENCE_MS)).toBeUndefined();
      expect(await ask6(SILENCE_MS)).toBeUndefined();
      expect(await askUdp(outside.hostAddress, SILENCE_MS)).toBeUndefined();
      await closeInput(`tcp dport ${port()} accept`);
      expect(await ask()).toBe(`::ffff:${outside.address}`);
      expect(await ask6()).toBe(outside.address6);
      expect(await askUdp(outside.hostAddress, SILENCE_MS)).toBeUndefined();
      await closeInput(`ip saddr ${outside.address} udp dport ${port("udp")} accept`);
      expect(await askUdp(outside.hostAddress)).toBe(`::ffff:${outside.address}`);
      expect(await askUdp(outside.hostAddress6, SILENCE_MS)).toBeUndefined();
    });

    test("is judged by iptables too, of either kind", async () => {
      await startServing("respect");
      for (const command of ["iptables-legacy", "iptables-nft"]) {
        if (!Bun.which(command)) continue;
        await run(command, "-A", "INPUT", "-p", "tcp", "--dport", String(port()), "-j", "DROP");
        expect(await ask(SILENCE_MS)).toBeUndefined();
        await run(command, "-F", "INPUT");
        expect(await ask()).toBe(`::ffff:${outside.address}`);
      }
    });

    test("is reached from the host, the container and other networks whatever INPUT says", async () => {
      await closeInput();
      await startServing("respect");
      const other = await lab.containerOn(engine, "other", {});
      const { hostAddress } = outside;
      const gateway = `::ffff:${web.endpoints[0]?.gateway}`;
      expect(await lab.askTcp(undefined, "127.0.0.1", port())).toBe(gateway);
      expect(await lab.askTcp(undefined, "::1", port())).toBe(web.endpoints[0]?.ipv6Gateway ?? "");
      expect(await lab.askTcp(web.namespacePath, hostAddress, port())).toBe(gateway);
      expect(await lab.askTcp(other.namespacePath, hostAddress, port())).toBe(gateway);
    });

    test("is open under strict reverse path filtering", async () => {
      await Bun.write("/proc/sys/net/ipv4/conf/all/rp_filter", "1");
      await startServing("respect");
      expect(await ask()).toBe(`::ffff:${outside.address}`);
    });

    test("goes on as it was after a crash, and leaves nothing behind in the end", async () => {
      await startServing("respect");
      await engine.crash();
      expect(await ask()).toBe(`::ffff:${outside.address}`);
      const next = await lab.engine({ firewall: "respect" }, engine);
      await next.networks.reconcile(new Set(["web"]));
      expect(await ask6()).toBe(outside.address6);
      expect(await next.networks.audit()).toEqual([]);
      await next.networks.closeSandbox("web");
      expect(await ask(SILENCE_MS)).toBeUndefined();
      await next.networks.teardown();
      const links = lab.host.netlink.links().map(({ name }) => name);
      expect(links.filter((name) => name.startsWith("wf"))).toEqual([]);
      expect(await run("nft", "list", "tables")).not.toContain("wharf_");
    });

    test("is docker's again when the next engine runs without it", async () => {
      await closeInput();
      await startServing("respect");
      expect(await ask(SILENCE_MS)).toBeUndefined();
      await engine.crash();
      const next = await lab.engine({}, engine);
      await next.networks.reconcile(new Set(["web"]));
      expect(await ask()).toBe(`::ffff:${outside.address}`);
      expect(await run("nft", "list", "tables")).not.toContain("table ip wharf_");
      const links = lab.host.netlink.links().map(({ name }) => name);
      expect(links.filter((name) => name.startsWith("wf"))).toEqual([]);
    });
  });

  test("a published port with --firewall=cooperate is docker's: open whatever INPUT says", async () => {
    await closeInput();
    await startServing("cooperate");
    expect(await ask()).toBe(`::ffff:${outside.address}`);
    expect(await ask6()).toBe(outside.address6);
  });
});
