import { describe, expect, test } from "bun:test";
import { FailedPreconditionError } from "#base/errors.ts";
import type { Nft } from "#host/nft.ts";
import { planAdmission } from "./admission.ts";
import { Firewall } from "./firewall.ts";
import { elementText } from "./nft-text.ts";
import type { PublishedTarget } from "./published-target.ts";

/** Remembers scripts and steps; refuses what `refuses` says. */
function recorder(refuses: (what: "script" | "steps") => boolean = () => false): {
  readonly scripts: string[];
  /** Elements of each change. */
  readonly changes: string[][];
  readonly nft: Nft;
} {
  const scripts: string[] = [];
  const changes: string[][] = [];
  const refusal = (): FailedPreconditionError =>
    new FailedPreconditionError("No such file or directory");
  return {
    scripts,
    changes,
    nft: {
      run: async (script) => {
        scripts.push(script);
        await Promise.resolve();
        if (refuses("script")) throw refusal();
      },
      change: (tables) => {
        const ops = tables.flatMap((table) => table.ops);
        changes.push(ops.flatMap((op) => ("elements" in op ? op.elements.map(elementText) : [])));
        if (refuses("steps")) throw refusal();
        return [];
      },
      list: async () => undefined,
      chains: async () => undefined,
      watch: () => ({ [Symbol.dispose]() {} }),
    },
  };
}

function port(hostPort: number): PublishedTarget {
  return {
    protocol: "tcp",
    hostAddress: "0.0.0.0",
    hostPort,
    containerAddress: "172.17.0.2",
    containerPort: 80,
  };
}

describe("Firewall", () => {
  test("publish() puts changes that come during one into the next transaction", async () => {
    let isLocked = true;
    const { scripts, changes, nft } = recorder((what) => what === "steps" && isLocked);
    const firewall = new Firewall({ nft, engineId: "e", scratchDirectory: "/scratch" });
    const first = firewall.publish([port(1)]);
    isLocked = false;
    await Promise.all([first, firewall.publish([port(2)]), firewall.publish([port(3)])]);
    expect(scripts).toHaveLength(1);
    expect(changes).toEqual([
      ["tcp . 1 : 172.17.0.2 . 80", "172.17.0.2 . tcp . 80"],
      ["tcp . 2 : 172.17.0.2 . 80", "tcp . 3 : 172.17.0.2 . 80"],
    ]);
  });

  test("publish() puts the whole table back when a change is refused", async () => {
    const { scripts, changes, nft } = recorder((what) => what === "steps" && changes.length > 1);
    const firewall = new Firewall({ nft, engineId: "e", scratchDirectory: "/scratch" });
    await firewall.publish([port(1)]);
    await firewall.publish([port(2)]);
    expect(scripts[0]).toStartWith("add table inet wharf_e\ndelete table inet wharf_e\n");
    expect(scripts[0]).toContain("{ tcp . 1 : 172.17.0.2 . 80, tcp . 2 : 172.17.0.2 . 80 }\n");
  });

  test("publish() that fails for good leaves nothing to publish later", async () => {
    let isBroken = true;
    const { scripts, nft } = recorder(() => isBroken);
    const firewall = new Firewall({ nft, engineId: "e", scratchDirectory: "/scratch" });
    const failed = firewall.publish([port(1)]);
    expect(failed).rejects.toThrow("Cannot change the rules of networks and published ports");
    await failed.catch(() => undefined);
    isBroken = false;
    await firewall.install([], []);
    expect(scripts.at(-1)).not.toContain("tcp . 1");
  });

  test("unpublish() of what was never published asks nothing of the kernel", async () => {
    const { scripts, changes, nft } = recorder();
    const firewall = new Firewall({ nft, engineId: "e", scratchDirectory: "/scratch" });
    await firewall.unpublish([port(1)]);
    await firewall.publish([]);
    expect([...scripts, ...changes]).toEqual([]);
  });

  test("install() says what a host without nftables, or without a part of it, lacks", async () => {
    const { nft } = recorder((what) => what === "script");
    const options = { nft, engineId: "e", scratchDirectory: "/scratch" };
    await expect(new Firewall(options).install([], [])).rejects.toThrow(
      "networks and published ports need nftables (nf_tables of the kernel), iptables does not do",
    );
    const respecting = new Firewall({ ...options, admission: planAdmission("e") });
    await expect(respecting.install([], [])).rejects.toThrow(
      "--firewall=respect needs nftables with nft_dup_ipv4 and nft_dup_ipv6",
    );
  });
});
