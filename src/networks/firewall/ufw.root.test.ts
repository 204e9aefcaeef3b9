import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import type { Sandbox } from "#networks/networks.ts";
import { Lab, type LabEngine, type Outside, SILENCE_MS } from "#networks/testing/lab.ts";
import { testInOwnNetwork } from "#networks/testing/own-network.ts";

/** Debian's package, unpacked; `npm test` puts it there. */
const UFW = join(Bun.env["WHARF_TEST_CACHE"] ?? "/var/cache/wharf-test", "ufw");
const TCP = { protocol: "tcp", containerPort: 80, hostPort: 0 } as const;

async function run(...argv: readonly string[]): Promise<string> {
  const child = Bun.spawn([...argv], { stdio: ["ignore", "pipe", "pipe"] });
  const [output, errors] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  expect(await child.exited, `${argv.join(" ")}\n${output}${errors}`).toBe(0);
  return output;
}

if (existsSync(join(UFW, "usr/sbin/ufw")) && Bun.which("iptables-nft")) {
  testInOwnNetwork(import.meta.path, withUfw);
} else {
  test.skip("a host with ufw (it is not in the test cache, or there is no iptables)", () => {});
}

/** In a mount namespace of its own: the host's files with the package's over them. */
function withUfw(): void {
  let lab: Lab;
  let outside: Outside;
  let engine: LabEngine;
  let web: Sandbox;
  const place = mkdtempSync("/tmp/wharf-ufw-");

  beforeAll(async () => {
    const script = `set -e
      mount -t tmpfs tmpfs ${place}
      cd ${place}
      mkdir etc etc.work usr usr.work package
      cp -a ${UFW}/. package
      mkdir -p package/usr/lib
      [ ! -d package/lib ] || cp -a package/lib/. package/usr/lib
      cp package/usr/share/ufw/*.rules package/usr/share/ufw/ufw.conf package/etc/ufw
      for top in etc usr; do
        mount -t overlay -o lowerdir=package/$top:/$top,upperdir=$top,workdir=$top.work overlay /$top
      done`;
    await run("sh", "-c", script);
    await run("ufw", "--force", "enable");
  });
  afterAll(async () => {
    await run("umount", "-l", "/usr");
    await run("umount", "-l", "/etc");
    await run("umount", "-l", place);
    rmdirSync(place);
  });
  beforeEach(async () => {
    lab = await Lab.open();
    outside = lab.outside();
  });
  afterEach(() => lab[Symbol.asyncDispose]());

  async function startServing(firewall: "cooperate" | "respect"): Promise<void> {
    engine = await lab.engine({ firewall });
    await engine.networks.reconcile(new Set());
    web = await lab.container(engine, "web", [TCP]);
    lab.serveTcp(web.namespacePath, 80);
    lab.serveTcp(outside.namespacePath, 8000);
  }
  const ask = (waitMs?: number) =>
    lab.askTcp(outside.namespacePath, outside.hostAddress, web.ports[0]?.hostPort ?? 0, waitMs);
  const out = (waitMs?: number) => lab.askTcp(web.namespacePath, outside.address, 8000, waitMs);

  test("ufw denies what comes in and is routed: published ports are open as with docker, also after ufw reload", async () => {
    expect(await run("ufw", "status", "verbose")).toContain("deny (incoming)");
    await startServing("cooperate");
    expect(await ask()).toBe(outside.address);
    expect(await out()).toBe(outside.hostAddress);
    expect(engine.networks.warnings().join("\n")).toContain("chain FORWARD of table ip filter");
    await run("ufw", "reload");
    await lab.until(async () => (await ask(SILENCE_MS)) === outside.address);
    await engine.networks.closeSandbox("web");
    await engine.networks.teardown();
    expect(await run("nft", "list", "ruleset")).not.toContain(engine.table);
  });

  test("ufw decides with --firewall=respect: by the port of the host, and by the bridge", async () => {
    await startServing("respect");
    const port = web.ports[0]?.hostPort ?? 0;
    expect(await ask(SILENCE_MS)).toBeUndefined();
    expect(await out(SILENCE_MS)).toBeUndefined();
    await run("ufw", "route", "allow", "out", "on", engine.bridge);
    expect(await ask(SILENCE_MS)).toBeUndefined();
    await run("ufw", "allow", `${port}/tcp`);
    expect(await ask()).toBe(outside.address);
    await run("ufw", "route", "allow", "in", "on", engine.bridge);
    expect(await out()).toBe(outside.hostAddress);
    await run(
      "ufw",
      "insert",
      "1",
      "deny",
      "from",
      outside.address,
      "to",
      "any",
      "port",
      String(port),
    );
    expect(await ask(SILENCE_MS)).toBeUndefined();
    expect(engine.networks.warnings().join("\n")).toContain("(--firewall=respect)");
  });
}
