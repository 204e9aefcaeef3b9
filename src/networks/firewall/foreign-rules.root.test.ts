import { rmSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { Sandbox } from "#networks/networks.ts";
import { Lab, type LabEngine, type Outside, SILENCE_MS } from "#networks/testing/lab.ts";
import { testInOwnNetwork } from "#networks/testing/own-network.ts";

const TCP = { protocol: "tcp", containerPort: 80, hostPort: 0 } as const;

async function nft(script: string): Promise<void> {
  await run("nft", `${script}\n`);
}

/** As another program of the host: what the daemon's own process changes is no news to it. */
async function run(...argv: readonly string[]): Promise<string> {
  const child = Bun.spawn([...argv], { stdio: ["ignore", "pipe", "inherit"] });
  const output = await new Response(child.stdout).text();
  expect(await child.exited, argv.join(" ")).toBe(0);
  return output;
}

/** A table whose chain `f` lets nothing be forwarded. */
function dropping(table: string): string {
  return `table ip ${table} {
    chain f {
      type filter hook forward priority 0; policy drop;
    }
  }`;
}

async function rulesOf(chain: string): Promise<string> {
  return await run("nft", "list", "chain", ...chain.split(" "));
}

testInOwnNetwork(import.meta.path, () => {
  let lab: Lab;
  let outside: Outside;
  let engine: LabEngine;
  let web: Sandbox;
  beforeEach(async () => {
    await run("nft", "flush", "ruleset");
    lab = await Lab.open();
    outside = lab.outside();
  });
  afterEach(() => lab[Symbol.asyncDispose]());

  async function startServing(firewall: "cooperate" | "respect" = "cooperate"): Promise<void> {
    engine = await lab.engine({ firewall });
    await engine.networks.reconcile(new Set());
    web = await lab.containerOn(engine, "web", { enableIpv6: true }, [TCP]);
    lab.serveTcp(web.namespacePath, 80, "::");
    lab.serveTcp(outside.namespacePath, 8000, "::");
  }

  const port = (): number => web.ports[0]?.hostPort ?? 0;
  const ask = (waitMs?: number) =>
    lab.askTcp(outside.namespacePath, outside.hostAddress, port(), waitMs);
  const ask6 = (waitMs?: number) =>
    lab.askTcp(outside.namespacePath, outside.hostAddress6, port(), waitMs);
  const out = (waitMs?: number) => lab.askTcp(web.namespacePath, outside.address, 8000, waitMs);

  describe("a forward chain of the host's", () => {
    test("as dockerd's gets accept rules in DOCKER-USER, which go with the engine", async () => {
      for (const family of ["ip", "ip6"]) {
        await nft(`table ${family} filter {
          chain DOCKER-USER { }
          chain DOCKER-FORWARD { }
          chain FORWARD {
            type filter hook forward priority filter; policy drop;
            counter jump DOCKER-USER
            counter jump DOCKER-FORWARD
          }
        }`);
      }
      await startServing();
      expect(await ask()).toBe(`::ffff:${outside.address}`);
      expect(await ask6()).toBe(outside.address6);
      expect(await out()).toBeDefined();
      expect(await rulesOf("ip filter DOCKER-USER")).toContain(`comment "${engine.table}"`);
      expect(await rulesOf("ip filter FORWARD")).not.toContain(engine.table);
      expect(engine.networks.warnings().join("\n")).toContain(
        "chain FORWARD of table ip filter (policy drop) drops forwarded packets: rules with the comment",
      );
      if (Bun.which("iptables-nft")) {
        expect(await run("iptables-nft", "-S", "DOCKER-USER")).toContain(`-i ${engine.bridge} `);
      }
      await engine.networks.closeSandbox("web");
      await engine.networks.teardown();
      for (const family of ["ip", "ip6"]) {
        expect(await rulesOf(`${family} filter DOCKER-USER`)).not.toContain("comment");
      }
    });

    test("that rejects what is left is asked before that rule, and its own drops go first", async () => {
      await nft(`table inet fw {
        chain last {
            counter reject
          }
        chain forward {
          type filter hook forward priority 10; policy accept;
          ip saddr ${outside.address} tcp dport 81 drop
          jump last
        }
      }`);
      await startServing();
      expect(await ask()).toBe(`::ffff:${outside.address}`);
      expect(await out()).toBeDefined();
      const rules = await rulesOf("inet fw forward");
      expect(rules.indexOf("dport 81")).toBeLessThan(rules.indexOf(engine.table));
      expect(rules.lastIndexOf(engine.table)).toBeLessThan(rules.indexOf("jump last"));
    });

    test("that comes while the engine runs is seen, and one that is changed gets its rules back", async () => {
      await startServing();
      expect(engine.networks.warnings()).toEqual([]);
      await nft(dropping("late"));
      expect(await ask()).toBe(`::ffff:${outside.address}`);
      await lab.until(() => engine.networks.warnings().length > 0);
      await run("nft", "flush", "chain", "ip", "late", "f");
      expect(await ask()).toBe(`::ffff:${outside.address}`);
      await run("nft", "delete", "table", "ip", "late");
      await lab.until(() => engine.networks.warnings().length === 0);
    });

    test("with --firewall=respect gets none, and decides", async () => {
      await nft(dropping("fw"));
      await startServing("respect");
      expect(await ask(SILENCE_MS)).toBeUndefined();
      expect(await out(SILENCE_MS)).toBeUndefined();
      expect(await rulesOf("ip fw f")).not.toContain(engine.table);
      expect(engine.networks.warnings().join("\n")).toContain("(--firewall=respect)");
    });

    test("of iptables-legacy is dealt with by that command", async () => {
      if (!Bun.which("iptables-legacy")) return;
      await run("iptables-legacy", "-P", "FORWARD", "DROP");
      try {
        await startServing();
        expect(await ask()).toBe(`::ffff:${outside.address}`);
        expect(await out()).toBeDefined();
        await engine.networks.closeSandbox("web");
        await engine.networks.teardown();
        expect(await run("iptables-legacy", "-S", "FORWARD")).not.toContain(engine.table);
      } finally {
        await run("iptables-legacy", "-P", "FORWARD", "ACCEPT");
      }
    });
  });

  describe("rules of an engine that is no more", () => {
    /** Of another engine that was killed; its data root is still there. */
    async function killedBeside(): Promise<LabEngine> {
      await nft(dropping("fw"));
      const killed = await lab.engine();
      await killed.networks.reconcile(new Set());
      expect(await rulesOf("ip fw f")).toContain(killed.table);
      await killed.crash();
      await startServing();
      return killed;
    }
    const mend = async (): Promise<void> => {
      for (const { mend: way } of await engine.networks.auditOthers()) await way?.apply();
    };

    test("stay while its data root is there, and go with its networks when that is gone", async () => {
      const killed = await killedBeside();
      expect(await engine.networks.auditOthers()).toEqual([]);
      rmSync(lab.home(killed.engineId), { recursive: true });
      const [fault] = await engine.networks.auditOthers();
      expect(fault).toMatchObject({ kind: "rules", subject: killed.table });
      expect(fault?.explanation).toContain(`Engine ${killed.engineId} is no more`);
      expect(await rulesOf("ip fw f")).toContain(killed.table);
      await mend();
      expect(await rulesOf("ip fw f")).not.toContain(killed.table);
      expect(await run("nft", "list", "tables")).not.toContain(killed.table);
      expect(lab.host.netlink.link(killed.bridge)).toBeUndefined();
      expect(await engine.networks.auditOthers()).toEqual([]);
      expect(await rulesOf("ip fw f")).toContain(engine.table);
      expect(await ask()).toBe(`::ffff:${outside.address}`);
    });

    test("go when its table is gone, and its devices stay: nobody knows whose they are", async () => {
      const killed = await killedBeside();
      await run("nft", "delete", "table", "inet", killed.table);
      const [fault] = await engine.networks.auditOthers();
      expect(fault?.explanation).toContain("its table is gone");
      await mend();
      expect(await rulesOf("ip fw f")).not.toContain(killed.table);
      expect(lab.host.netlink.link(killed.bridge)).toBeDefined();
    });

    test("are told of and left where containers of it still run", async () => {
      await nft(dropping("fw"));
      const killed = await lab.engine();
      await killed.networks.reconcile(new Set());
      await lab.container(killed, "orphan");
      await killed.crash();
      await startServing();
      rmSync(lab.home(killed.engineId), { recursive: true });
      const [fault] = await engine.networks.auditOthers();
      expect(fault?.explanation).toContain("and so are containers of it");
      expect(fault?.mend).toBeUndefined();
      const heir = await lab.engine({}, killed);
      await heir.networks.reconcile(new Set());
    });
  });

  describe("the engine's own table", () => {
    test("is put back when somebody flushes all rules, or a part of it", async () => {
      await startServing();
      await run("nft", "flush", "ruleset");
      await lab.until(() => engine.warnings.join("\n").includes("it has been put back"));
      expect(await ask6()).toBe(outside.address6);
      await run("nft", "flush", "map", "inet", engine.table, "published_any");
      await lab.until(() => engine.warnings.join("\n").includes("it is as it was again"));
      expect(await ask()).toBe(`::ffff:${outside.address}`);
      expect(await engine.networks.audit()).toEqual([]);
    });

    test("of a killed engine and its accept rules are the next one's", async () => {
      await nft(dropping("fw"));
      await startServing();
      await engine.crash();
      expect(await ask()).toBe(`::ffff:${outside.address}`);
      const next = await lab.engine({}, engine);
      await next.networks.reconcile(new Set(["web"]));
      expect(await ask()).toBe(`::ffff:${outside.address}`);
      const marks = (await rulesOf("ip fw f")).split(engine.table).length - 1;
      expect(marks).toBe(4); // two networks, each way
      await next.networks.closeSandbox("web");
      await next.networks.teardown();
      expect(await rulesOf("ip fw f")).not.toContain(engine.table);
    });
  });
});
