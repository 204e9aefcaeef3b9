import { describe, expect, test } from "bun:test";
import { FailedPreconditionError } from "#base/errors.ts";
import type { Nft } from "#host/nft.ts";
import { Firewall } from "./firewall.ts";
import type { PublishedTarget } from "./ruleset.ts";

/** Remembers scripts; refuses those that `refuses` says. */
function recorder(refuses: (script: string) => boolean = () => false): {
  readonly scripts: string[];
  readonly nft: Nft;
} {
  const scripts: string[] = [];
  return {
    scripts,
    nft: {
      run: async (script) => {
        scripts.push(script);
        await Promise.resolve();
        if (refuses(script)) throw new FailedPreconditionError("No such file or directory");
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
    const { scripts, nft } = recorder();
    const firewall = new Firewall({ nft, engineId: "e", scratchDirectory: "/scratch" });
    await Promise.all([1, 2, 3].map((number) => firewall.publish([port(number)])));
    expect(scripts).toEqual([
      "add element inet wharf_e published_any { tcp . 1 : 172.17.0.2 . 80 }\n",
      "add element inet wharf_e published_any { tcp . 2 : 172.17.0.2 . 80, tcp . 3 : 172.17.0.2 . 80 }\n",
    ]);
  });

  test("publish() puts the whole table back when a change is refused", async () => {
    const { scripts, nft } = recorder(
      (script) => script.startsWith("add element") && scripts.length > 1,
    );
    const firewall = new Firewall({ nft, engineId: "e", scratchDirectory: "/scratch" });
    await firewall.publish([port(1)]);
    await firewall.publish([port(2)]);
    expect(scripts[2]).toStartWith("add table inet wharf_e\ndelete table inet wharf_e\n");
    expect(scripts[2]).toEndWith("{ tcp . 1 : 172.17.0.2 . 80, tcp . 2 : 172.17.0.2 . 80 }\n");
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
    const { scripts, nft } = recorder();
    const firewall = new Firewall({ nft, engineId: "e", scratchDirectory: "/scratch" });
    await firewall.unpublish([port(1)]);
    await firewall.publish([]);
    expect(scripts).toEqual([]);
  });
});
