// An administrator has a firewall on the host; the engine lives with it. Each engine has a network namespace of its own.
import { afterAll, describe, expect, test } from "bun:test";
import { inOwnNetwork } from "#networks/testing/own-network.ts";
import { mustRun, runCommand } from "../../harness/command.ts";
import { startEngine, type TestEngine } from "../../harness/engine.ts";
import { waitUntil } from "../../harness/wait-until.ts";

const HOST = "198.18.9.1";
const CLIENT = "198.18.9.2";
const stack = new AsyncDisposableStack();
afterAll(() => stack.disposeAsync());

/** Runs where the engine does. */
async function on(engine: TestEngine, ...argv: readonly string[]): Promise<string> {
  return (await mustRun(["nsenter", "-t", String(engine.pid), "-n", ...argv])).stdout;
}

async function firewalledEngine(...flags: readonly string[]): Promise<TestEngine> {
  const engine = stack.use(await startEngine({ flags, under: inOwnNetwork([]) }));
  await on(
    engine,
    "nft",
    [
      "table inet host {",
      "chain input { type filter hook input priority 0; policy drop;",
      'iifname "lo" accept',
      "ct state established,related accept",
      "}",
      "chain forward { type filter hook forward priority 0; policy drop; ct state established accept;",
      "}",
      "}",
      "",
    ].join("\n"),
  );
  return engine;
}

/** Another machine, with a cable to the engine's. @returns Words before a command that runs there. */
async function clientOf(engine: TestEngine): Promise<readonly string[]> {
  const client = Bun.spawn(["unshare", "--net", "sh", "-c", "echo ready; exec sleep 1000"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  stack.defer(async () => {
    client.kill("SIGKILL");
    await client.exited;
  });
  await client.stdout.getReader().read(); // it is in its namespace by now
  const inside = ["nsenter", "-t", String(client.pid), "-n"];
  await on(
    engine,
    ...["ip", "link", "add", "cable", "type", "veth", "peer", "name", "eth0"],
    ...["netns", String(client.pid)],
  );
  await on(engine, "ip", "addr", "add", `${HOST}/24`, "dev", "cable");
  await on(engine, "ip", "link", "set", "cable", "up");
  await mustRun([...inside, "ip", "addr", "add", `${CLIENT}/24`, "dev", "eth0"]);
  await mustRun([...inside, "ip", "link", "set", "eth0", "up"]);
  return inside;
}

/** A tiny web server. */
const SERVE =
  "while :; do printf 'HTTP/1.0 200 OK\\r\\n\\r\\nhello' | nc -l -p 80 >/dev/null; done";

async function serve(engine: TestEngine): Promise<void> {
  await engine.mustDocker(
    ...["run", "-d", "--name", "web", "-p", "8080:80", "busybox", "sh", "-c", SERVE],
  );
}

async function ask(inside: readonly string[], patienceSeconds: number): Promise<string> {
  const url = `http://${HOST}:8080/`;
  const seconds = String(patienceSeconds);
  return (await runCommand([...inside, "curl", "-s", "--max-time", seconds, url])).stdout;
}

async function warnings(engine: TestEngine): Promise<string> {
  return await engine.mustDocker("info", "--format", "{{json .Warnings}}");
}

describe("beside a firewall that drops", () => {
  test("by default the engine has its traffic accepted, says so, and cleans up after itself", async () => {
    const engine = await firewalledEngine("--publish-default-bind", HOST);
    const client = await clientOf(engine);
    await serve(engine);
    expect(await engine.mustDocker("port", "web")).toBe(`80/tcp -> ${HOST}:8080`);
    await waitUntil("an answer", async () => (await ask(client, 2)) === "hello");
    await waitUntil("a warning", async () => (await warnings(engine)).includes("table inet host"));
    const rules = () => on(engine, "nft", "list", "chain", "inet", "host", "forward");
    expect(await rules()).toContain(`iifname "${engine.bridge}"`);
    await on(engine, "nft", "flush", "ruleset");
    await waitUntil("the rules are back", async () => (await ask(client, 1)) === "hello");
    expect(engine.daemonLog()).toContain("it has been put back");
    await engine.mustDocker("rm", "-f", "web");
  }, 60_000);

  test("with --firewall=respect the host's INPUT and FORWARD decide about a published port", async () => {
    const engine = await firewalledEngine("--firewall", "respect");
    const client = await clientOf(engine);
    await serve(engine);
    expect(await ask(client, 1)).toBe("");
    await on(
      engine,
      "nft",
      "add",
      "rule",
      "inet",
      "host",
      "input",
      "tcp",
      "dport",
      "8080",
      "accept",
    );
    expect(await ask(client, 1)).toBe("");
    expect(await warnings(engine)).toContain("--firewall=respect");
    await on(
      engine,
      ...["nft", "add", "rule", "inet", "host", "forward", "oifname", engine.bridge, "accept"],
    );
    await waitUntil("an answer", async () => (await ask(client, 2)) === "hello");
    await engine.mustDocker("rm", "-f", "web");
  }, 60_000);
});
