import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { FailedPreconditionError } from "#base/errors.ts";
import type { Nft } from "#host/nft.ts";
import { openScratch, type Scratch } from "#host/testing/scratch.ts";
import { tryOpenNftables } from "./ffi/libnftables.ts";
import { openLibc } from "./ffi/libc.ts";
import { openLinuxHost } from "./host.ts";
import { LinuxNft } from "./nft.ts";
import { JsThread } from "./thread.ts";

const host = await openLinuxHost();
const libc = openLibc();
const thread = new JsThread({ libc });
const NFT_PATH = "/usr/sbin/nft";

let scratch: Scratch;
let pin: string;

beforeEach(() => {
  scratch = openScratch(host);
  pin = join(scratch.path, "net");
  host.namespaces.createNetwork(pin);
});
afterEach(() => {
  host.namespaces.removeNetwork(pin);
  scratch[Symbol.dispose]();
});

const TABLE = { family: "ip", name: "wharf-test" } as const;
const SCRIPT = `
table ip wharf-test {
  map ports { type inet_service : ipv4_addr . inet_service; elements = { 8080 : 10.0.0.2 . 80 }; }
  chain input { type filter hook input priority 0; tcp dport 7 drop; }
}
`;

describe.each([
  ["libnftables", tryOpenNftables()],
  ["nft(8)", undefined],
] as const)("LinuxNft by %s", (_, nftables) => {
  const { processes } = host;
  const nft: Nft = new LinuxNft({ libc, nftables, thread, processes, nftPath: NFT_PATH });

  test("applies a script in a namespace, and lists it there only", async () => {
    await nft.run(SCRIPT, pin);
    const ruleset = JSON.stringify(await nft.list(TABLE, pin));
    expect(ruleset).toContain('"name":"wharf-test"');
    expect(ruleset).toContain("8080");
    expect(await nft.list(TABLE)).toBeUndefined();
    await nft.run("delete table ip wharf-test", pin);
    expect(await nft.list(TABLE, pin)).toBeUndefined();
  });

  test("applies all of a script or nothing, and names the place", async () => {
    await nft.run(SCRIPT, pin);
    const script = "add table ip other\nadd rule ip wharf-test nowhere accept\n";
    const refused = nft.run(script, pin);
    expect(refused).rejects.toThrow(FailedPreconditionError);
    expect(refused).rejects.toThrow(
      /^Cannot change the nftables rules: .*No such file or directory in "add rule ip wharf-test nowhere accept"$/,
    );
    await refused.catch(() => {});
    expect(await nft.list({ family: "ip", name: "other" }, pin)).toBeUndefined();
    expect(nft.run("add rulez", pin)).rejects.toThrow(/syntax error/);
  });

  test("changes a table of its own in the daemon's namespace", async () => {
    const name = `wharf-test-${process.pid}`;
    const table = { family: "ip", name };
    await nft.run(`add table ip ${name}`);
    expect(await nft.list(table)).toBeDefined();
    await nft.run(`delete table ip ${name}`);
    expect(await nft.list(table)).toBeUndefined();
    expect(await nft.list()).toMatchObject({ nftables: expect.any(Array) });
  });
});

test("LinuxNft without library and without nft(8) says what to install", async () => {
  const { processes } = host;
  const nft = new LinuxNft({
    libc,
    nftables: undefined,
    thread,
    processes,
    nftPath: "/no/such/nft",
  });
  expect(nft.run("add table ip x", pin)).rejects.toThrow(/install the package nftables/);
});
