// An administrator uses every flag of `network`: containers on a device of the host, networks of a plugin,
// configurations, addresses, options of one endpoint; and what dead containers leave behind is in nobody's way.
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { TestNetworkPlugin } from "../../../src/networks/testing/network-plugin.ts";
import { mustRun, runCommand } from "../../harness/command.ts";
import { startEngine, type TestEngine } from "../../harness/engine.ts";

const parent = `we${randomBytes(4).toString("hex")}`;
let folder = "";
let plugin: TestNetworkPlugin;
let engine: TestEngine;

beforeAll(async () => {
  folder = mkdtempSync("/var/tmp/wharf-plugins-");
  plugin = new TestNetworkPlugin(folder, "plug");
  await plugin.start();
  engine = await startEngine({ flags: ["--plugin-dir", folder] });
  await mustRun(["ip", "link", "add", parent, "type", "veth", "peer", "name", `${parent}x`]);
  for (const name of [parent, `${parent}x`]) await mustRun(["ip", "link", "set", name, "up"]);
});
afterAll(async () => {
  plugin.behave();
  await engine[Symbol.asyncDispose]();
  await plugin[Symbol.asyncDispose]();
  await runCommand(["ip", "link", "delete", parent]);
  rmSync(folder, { recursive: true, force: true });
});

const docker = (...args: string[]) => engine.mustDocker(...args);
const refusal = async (...args: string[]) => {
  const { exitCode, stderr } = await engine.docker(args);
  expect(exitCode).not.toBe(0);
  return stderr.trim();
};
const run = (name: string, ...args: string[]) =>
  docker("run", "-d", "--name", name, ...args, "busybox", "sleep", "1000");
const inspect = async (network: string, ...flags: string[]) =>
  (
    JSON.parse(await docker("network", "inspect", ...flags, network)) as Record<string, unknown>[]
  )[0];
const endpoint = async (container: string, network: string) => {
  const json = await docker("inspect", "-f", "{{json .NetworkSettings.Networks}}", container);
  return (JSON.parse(json) as Record<string, Record<string, unknown> | undefined>)[network];
};
const reaches = async (from: string, address: unknown) =>
  (await engine.docker(["exec", from, "ping", "-4", "-c1", "-W2", String(address)])).exitCode === 0;

test("macvlan puts containers on a device of the host", async () => {
  await docker(
    ...["network", "create", "-d", "macvlan", "-o", `parent=${parent}`],
    ...["-o", "macvlan_mode=bridge", "--subnet", "198.51.100.0/24", "lan"],
  );
  await run("m1", "--network", "lan");
  await run("m2", "--network", "lan", "--ip", "198.51.100.77", "-p", "80");
  expect(await reaches("m1", "198.51.100.77")).toBe(true);
  expect(await reaches("m1", "m2")).toBe(true);
  expect(await docker("port", "m2")).toBe("");
  await engine.crash();
  await engine.start();
  expect(await reaches("m2", "m1")).toBe(true);
  await docker("network", "disconnect", "lan", "m1");
  expect(await docker("exec", "m1", "ls", "/sys/class/net")).toBe("lo");
  await docker("network", "connect", "lan", "m1");
  expect(await reaches("m1", "198.51.100.77")).toBe(true);
  await docker("rm", "-f", "m1", "m2");
  await docker("network", "rm", "lan");
  expect(await refusal("network", "create", "-d", "macvlan", "-o", "parent=no0", "x")).toContain(
    "invalid subinterface vlan name no0, example formatting is eth0.10",
  );
});

test("a plugin makes networks and gives addresses", async () => {
  await docker(
    ...["network", "create", "-d", "plug", "--ipam-driver", "plug"],
    ...["--ipam-opt", "colour=blue", "--attachable", "plugged"],
  );
  expect(await inspect("plugged", "--verbose")).toMatchObject({
    Driver: "plug",
    Scope: "local",
    Attachable: true,
    IPAM: { Driver: "plug", Options: { colour: "blue" } },
  });
  await run("p1", "--network", "plugged", "-p", "8080:80");
  expect(await docker("port", "p1")).toBe("");
  const external = plugin.calls("NetworkDriver.ProgramExternalConnectivity");
  expect(external[0]?.body["Options"]).toMatchObject({
    "com.docker.network.portmap": [{ Proto: 6, Port: 80, HostPort: 8080, HostPortEnd: 8080 }],
  });
  await run("p2", "--network", "name=plugged,driver-opt=shape=round");
  expect(await reaches("p1", "p2")).toBe(true);
  const created = plugin.calls("NetworkDriver.CreateEndpoint").map(({ body }) => body["Options"]);
  expect(created).toContainEqual({ shape: "round" });
  await docker("rm", "-f", "p1", "p2");
  await docker("network", "rm", "plugged");
  expect(plugin.given()).toEqual({});
});

test("configurations, scopes and families", async () => {
  await docker("network", "create", "--config-only", "--subnet", "198.51.101.0/24", "plan");
  await docker("network", "create", "--config-from", "plan", "--scope", "local", "planned");
  expect(await inspect("planned")).toMatchObject({
    ConfigFrom: { Network: "plan" },
    IPAM: { Config: [{ Subnet: "198.51.101.0/24" }] },
  });
  expect(await refusal("network", "create", "--scope", "swarm", "x")).toContain(
    "cannot create a swarm scoped network when swarm is not active",
  );
  expect(await refusal("network", "create", "--ingress", "x")).toContain(
    "Ingress network can only be global scope network",
  );
  expect(await refusal("network", "create", "-d", "overlay", "x")).toContain(
    "This node is not a swarm manager",
  );
  expect(await refusal("network", "create", "--ipam-driver", "null", "x")).toContain(
    "ipv4 pool is empty",
  );
  await docker("network", "create", "--ipv4=false", "--ipv6", "six");
  await run("six1", "--network", "six");
  expect(await endpoint("six1", "six")).toMatchObject({ IPAddress: "" });
  await docker("rm", "-f", "six1");
  await docker("network", "rm", "planned", "plan", "six");
});

test("an endpoint's addresses, names, options and priority, given to connect", async () => {
  await docker(
    ...["network", "create", "--ipv6", "--subnet", "198.51.102.0/24"],
    ...["--subnet", "fd00:51:102::/64", "full"],
  );
  await run("db", "--network", "full");
  await run("app");
  await docker(
    ...["network", "connect", "--ip", "198.51.102.9", "--ip6", "fd00:51:102::9"],
    ...["--alias", "web", "--link", "db:store", "--link-local-ip", "169.254.7.7"],
    ...["--gw-priority", "10"],
    ...["--driver-opt", "com.docker.network.endpoint.ifname=lan5"],
    ...["--driver-opt", "com.docker.network.endpoint.sysctls=net.ipv4.conf.IFNAME.log_martians=1"],
    ...["full", "app"],
  );
  const shown = await docker("exec", "app", "ip", "addr", "show", "lan5");
  for (const address of ["198.51.102.9/24", "fd00:51:102::9/64", "169.254.7.7/16"]) {
    expect(shown).toContain(address);
  }
  expect(await docker("exec", "app", "cat", "/proc/sys/net/ipv4/conf/lan5/log_martians")).toBe("1");
  expect(await docker("exec", "app", "ip", "route")).toContain("default via 198.51.102.1 dev lan5");
  expect(await reaches("app", "store")).toBe(true);
  expect(await reaches("db", "web")).toBe(true);
  expect(
    await refusal(
      ...["network", "connect", "--driver-opt", "com.docker.network.endpoint.sysctls=foo=1"],
      ...["bridge", "db"],
    ),
  ).toContain("unrecognised network interface sysctl 'foo=1'");
  const local = await engine.api("GET", "/networks/full?scope=local");
  expect(((await local.json()) as { Name: string }).Name).toBe("full");
  expect((await engine.api("GET", "/networks/full?scope=swarm")).status).toBe(404);
  await docker("rm", "-f", "app", "db");
  await docker("network", "rm", "full");
});

test("dead containers are in nobody's way, live ones are named, --force and prune do what they say", async () => {
  await docker("network", "create", "--label", "keep=no", "busy");
  await run("alive", "--network", "busy");
  const killed = await run("killed", "--network", "busy");
  expect(await refusal("network", "rm", "busy")).toMatch(
    /network busy has active endpoints \(name:"alive" .*name:"killed" /,
  );
  await engine.crash();
  // with nobody to see it, and its supervisor too
  const pidFile = `${engine.root}/run/runtime/processes/${killed}/pid`;
  process.kill(Number(readFileSync(pidFile, "utf8")), "SIGKILL");
  await engine.start();
  expect(await refusal("network", "rm", "busy")).toMatch(
    /network busy has active endpoints \(name:"alive" id:"[0-9a-f]{12}"\)/,
  );
  expect(await refusal("network", "disconnect", "-f", "busy", "ghost")).toContain(
    "endpoint ghost not found",
  );
  await docker("network", "disconnect", "--force", "busy", "alive");
  expect(await docker("network", "prune", "-f", "--filter", "label=keep=yes")).toBe("");
  expect(await docker("network", "prune", "-f", "--filter", "label=keep=no")).toContain("busy");
  expect(await refusal("network", "rm", "busy")).toContain("network busy not found");
  expect((await engine.docker(["network", "rm", "--force", "busy"])).exitCode).toBe(0);
  await docker("rm", "-f", "alive", "killed");
});

test("a plugin that dies or hangs holds up no removal", async () => {
  await docker("network", "create", "-d", "plug", "shaky");
  await run("s1", "--network", "shaky");
  plugin.behave("NetworkDriver.Leave hang", "NetworkDriver.DeleteEndpoint die");
  await docker("network", "disconnect", "--force", "shaky", "s1");
  await docker("rm", "-f", "s1");
  await docker("network", "rm", "shaky");
  await plugin.kill();
  plugin.behave();
  await plugin.start();
  await docker("network", "create", "-d", "plug", "steady");
  await docker("network", "rm", "steady");
}, 30_000);
