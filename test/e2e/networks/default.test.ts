// An administrator says how the default network is to be: IPv6, addresses, another gateway, options of new networks.
// Each engine has a network namespace of its own.
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { inOwnNetwork } from "#networks/testing/own-network.ts";
import { mustRun, runCommand } from "../../harness/command.ts";
import { startEngine, type TestEngine, WHARF } from "../../harness/engine.ts";

const stack = new AsyncDisposableStack();
afterAll(() => stack.disposeAsync());

async function engineWith(...flags: readonly string[]): Promise<TestEngine> {
  return stack.use(await startEngine({ flags, under: inOwnNetwork([]) }));
}

async function json(engine: TestEngine, ...args: readonly string[]): Promise<unknown> {
  return JSON.parse(await engine.mustDocker(...args));
}

/** Addresses of the engine's bridge that others may route to. */
async function bridgeAddresses(engine: TestEngine): Promise<readonly string[]> {
  const { stdout } = await mustRun([
    ...["nsenter", "-t", String(engine.pid), "-n"],
    ...["ip", "-j", "addr", "show", engine.bridge, "scope", "global"],
  ]);
  const links = JSON.parse(stdout) as {
    addr_info?: { local?: string; prefixlen: number }[];
  }[];
  return links.flatMap((link) =>
    (link.addr_info ?? []).flatMap(({ local, prefixlen }) =>
      local === undefined ? [] : `${local}/${prefixlen}`,
    ),
  );
}

test("the default network has the addresses that the flags say, as docker inspects them", async () => {
  const engine = await engineWith(
    ...["--ipv6", "--bip", "10.210.0.1/24", "--default-gateway", "10.210.0.9"],
    ...["--bip6", "fd00:210::5/64", "--fixed-cidr-v6", "fd00:210::8000/113"],
    ...["--default-gateway-v6", "fd00:210::9"],
    ...["--default-network-opt", "bridge=com.docker.network.driver.mtu=1400"],
  );
  expect(await json(engine, "network", "inspect", "bridge")).toMatchObject([
    {
      EnableIPv4: true,
      EnableIPv6: true,
      IPAM: {
        Driver: "default",
        Options: null,
        Config: [
          {
            Subnet: "10.210.0.0/24",
            Gateway: "10.210.0.1",
            AuxiliaryAddresses: { DefaultGatewayIPv4: "10.210.0.9" },
          },
          {
            Subnet: "fd00:210::/64",
            IPRange: "fd00:210::8000/113",
            Gateway: "fd00:210::5",
            AuxiliaryAddresses: { DefaultGatewayIPv6: "fd00:210::9" },
          },
        ],
      },
      Options: { "com.docker.network.driver.mtu": "1500" },
    },
  ]);
  expect(await bridgeAddresses(engine)).toEqual(["10.210.0.1/24", "fd00:210::5/64"]);
  await engine.mustDocker("run", "-d", "--name", "web", "busybox", "sleep", "1000");
  expect(
    await json(engine, "inspect", "-f", "{{json .NetworkSettings.Networks.bridge}}", "web"),
  ).toMatchObject({
    Gateway: "10.210.0.9",
    IPAddress: "10.210.0.2",
    IPv6Gateway: "fd00:210::9",
    GlobalIPv6Address: expect.stringMatching(/^fd00:210::8/) as unknown,
    GlobalIPv6PrefixLen: 64,
  });
  const hosts = await engine.mustDocker(
    ...["run", "--rm", "--add-host", "outer:host-gateway", "busybox", "cat", "/etc/hosts"],
  );
  expect(hosts).toContain("10.210.0.1\touter\nfd00:210::5\touter");
  await engine.mustDocker("network", "create", "small");
  expect(await json(engine, "network", "inspect", "-f", "{{json .Options}}", "small")).toEqual({
    "com.docker.network.driver.mtu": "1400",
  });
  const mtu = ["run", "--rm", "--network", "small", "busybox", "cat", "/sys/class/net/eth0/mtu"];
  expect(await engine.mustDocker(...mtu)).toBe("1400");
});

test("--ipv6 alone takes a unique local subnet, in the order that docker shows", async () => {
  const engine = await engineWith("--ipv6");
  const config = await json(engine, "network", "inspect", "-f", "{{json .IPAM.Config}}", "bridge");
  expect(config).toEqual([
    { Subnet: "172.17.0.0/16", Gateway: "172.17.0.1" },
    {
      Subnet: expect.stringMatching(/^fd[0-9a-f:]+::\/64$/) as unknown,
      Gateway: expect.stringMatching(/^fd[0-9a-f:]+::1$/) as unknown,
    },
  ]);
  const ping = "ping -6 -c1 -W5 \"$(ip -6 route | sed -n 's/default via \\([^ ]*\\).*/\\1/p')\"";
  await engine.mustDocker("run", "--rm", "busybox", "sh", "-c", ping);
});

test("gateway modes and --allow-direct-routing: ports at the containers' own addresses", async () => {
  const engine = await engineWith("--allow-direct-routing", "--ipv6");
  const mode = (family: 4 | 6) => `com.docker.network.bridge.gateway_mode_ipv${family}`;
  await engine.mustDocker(
    ...["network", "create", "--ipv6", "-o", `${mode(4)}=routed`, "-o", `${mode(6)}=routed`],
    "routed",
  );
  await engine.mustDocker("network", "create", "--ipv6", "-o", `${mode(6)}=routed`, "mixed");
  for (const network of ["routed", "mixed"]) {
    await engine.mustDocker(
      ...["run", "-d", "--name", network, "--network", network, "-p", "8080:80", "busybox"],
      ...["sh", "-c", "while :; do echo hello | nc -l -p 80 >/dev/null; done"],
    );
  }
  // as docker 28 prints them
  expect(await engine.mustDocker("port", "routed")).toBe("80/tcp -> 0.0.0.0:\n80/tcp -> [::]:");
  expect(await engine.mustDocker("port", "mixed")).toBe("80/tcp -> 0.0.0.0:8080\n80/tcp -> [::]:");
  expect(await json(engine, "inspect", "-f", "{{json .NetworkSettings.Ports}}", "mixed")).toEqual({
    "80/tcp": [
      { HostIp: "0.0.0.0", HostPort: "8080" },
      { HostIp: "::", HostPort: "" },
    ],
  });
  const shown = await engine.mustDocker("ps", "--format", "{{.Names}} {{.Ports}}");
  expect(shown).toContain("routed 0.0.0.0:0->80/tcp, [::]:0->80/tcp");
  const address = await engine.mustDocker(
    ...["inspect", "-f", "{{.NetworkSettings.Networks.routed.IPAddress}}", "routed"],
  );
  const ask = ["nc", "-w", "5", address, "80"];
  expect(await engine.mustDocker("run", "--rm", "busybox", ...ask)).toBe("hello");
  const other = await engine.docker([
    ...["run", "--rm", "busybox", "nc", "-w", "1", address, "81"],
  ]);
  expect(other.exitCode).not.toBe(0);
  await engine.mustDocker("rm", "-f", "routed", "mixed");
  await engine.mustDocker("network", "rm", "routed", "mixed");
});

test("flags that contradict each other are refused by name, and the file has the same keys", async () => {
  const folder = mkdtempSync("/var/tmp/wharf-e2e-config-");
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "daemon.json");
  const refusal = async (settings: object): Promise<string> => {
    writeFileSync(file, JSON.stringify({ bridge: "wtrefused0", ...settings }));
    const { exitCode, stderr } = await runCommand(
      inOwnNetwork([
        ...[WHARF, "daemon", "-H", `unix://${folder}/wharf.sock`, "--config-file", file],
        ...["--data-root", join(folder, "data"), "--exec-root", join(folder, "run")],
        ...["--pidfile", join(folder, "wharf.pid")],
      ]),
    );
    expect(exitCode).not.toBe(0);
    return stderr;
  };
  expect(await refusal({ "default-gateway": "10.0.0.1" })).toContain(
    "Cannot use --default-gateway 10.0.0.1: it is not inside the bridge's subnet 172.17.0.0/16",
  );
  expect(await refusal({ ipv6: true, bip6: "10.0.0.1/8" })).toContain("--bip6 10.0.0.1/8");
  expect(await refusal({ ipv6: true, "fixed-cidr-v6": "x" })).toContain(
    "'x' is not a valid IPv6 subnet",
  );
  expect(await refusal({ "default-network-opts": { bridge: "x" } })).toContain(
    "Config.default-network-opts of type map[string]map[string]string",
  );
});
