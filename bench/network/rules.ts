import { openLinuxHost } from "#host/linux/host.ts";
import { renderRuleset } from "#networks/firewall/ruleset.ts";
import { command } from "../engines.ts";
import { median, show } from "./common.ts";
import { withNetworks } from "./parts.ts";

/** The whole table of 500 ports, from nothing, and the look-up of a packet with 1 and with 500 ports in it. */
export async function measureRules(runs: number): Promise<void> {
  await using host = await openLinuxHost();
  const ruleset = (count: number) =>
    renderRuleset({
      table: "wharf_bench",
      engineId: "bench",
      networks: [],
      ports: Array.from({ length: count }, (_, index) => ({
        protocol: "tcp" as const,
        hostAddress: "0.0.0.0",
        hostPort: 10_000 + index,
        containerAddress: "127.0.0.1",
        containerPort: 80,
      })),
    });
  const server = Bun.listen({
    hostname: "127.0.0.1",
    port: 80,
    socket: { open: (socket) => void socket.end(), data() {} },
  });
  for (const count of [1, 500]) {
    const script = ruleset(count);
    const loads: number[] = [];
    for (let run = 0; run < runs * 4; run += 1) {
      const start = performance.now();
      await host.nft.run(script);
      loads.push(performance.now() - start);
    }
    const connects: number[] = [];
    for (let run = 0; run < 400; run += 1) {
      const closed = Promise.withResolvers<void>();
      const start = performance.now();
      await Bun.connect({
        hostname: "127.0.0.1",
        port: 10_000 + count - 1,
        socket: { data() {}, close: () => closed.resolve() },
      });
      connects.push(performance.now() - start);
      await closed.promise;
    }
    show(
      `rules of ${count} ports: load / connect by the last`,
      `${median(loads).toFixed(1)} ms`,
      `${(median(connects) * 1000).toFixed(0)} µs`,
    );
  }
  server.stop(true);
}

/** How long the engine's table is away after somebody flushed all rules. */
export async function measureRepair(runs: number): Promise<void> {
  await using host = await openLinuxHost();
  await withNetworks(async (networks) => {
    const warnings = networks.warnings();
    if (warnings.length > 0) throw new Error(warnings.join("\n"));
    const tableCount = async (): Promise<number> => {
      const { nftables = [] } = (await host.nft.list()) as { nftables?: readonly object[] };
      return nftables.filter((item) => "table" in item).length;
    };
    const before = await tableCount();
    const taken: number[] = [];
    for (let run = 0; run < runs; run += 1) {
      const start = performance.now();
      await command(["nft", "flush", "ruleset"]);
      while ((await tableCount()) < before) await Bun.sleep(1);
      taken.push(performance.now() - start);
    }
    show(
      "`nft flush ruleset` until repaired: median / most",
      ...[median(taken), Math.max(...taken)].map((ms) => `${ms.toFixed(0)} ms`),
    );
  });
}
