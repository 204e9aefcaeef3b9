import { expect, test } from "bun:test";
import { TestCli, openFakeEngine, runCommand } from "#cli/testing/test-cli.ts";
import { type StatsMessage, usageOf } from "./sample.ts";
import { command } from "#cli/container/stats.ts";

const id = "ab".repeat(32);

const message: StatsMessage = {
  id,
  name: "/web",
  cpu_stats: {
    cpu_usage: { total_usage: 300_000_000 },
    system_cpu_usage: 12_000_000_000,
    online_cpus: 4,
  },
  precpu_stats: { cpu_usage: { total_usage: 100_000_000 }, system_cpu_usage: 10_000_000_000 },
  memory_stats: { usage: 64 * 1024 * 1024, limit: 1024 ** 3, stats: { inactive_file: 1024 ** 2 } },
  networks: { eth0: { rx_bytes: 1000, tx_bytes: 20 }, eth1: { rx_bytes: 500, tx_bytes: 3 } },
  blkio_stats: {
    io_service_bytes_recursive: [
      { op: "read", value: 4096 },
      { op: "Write", value: 8192 },
      { op: "Total", value: 12_288 },
    ],
  },
  pids_stats: { current: 7 },
};

function lines(...messages: readonly StatsMessage[]): Response {
  return new Response(messages.map((one) => `${JSON.stringify(one)}\n`).join(""));
}

test("usageOf() computes as docker's documentation does", () => {
  expect(usageOf(message)).toEqual({
    id,
    name: "/web",
    cpuPercent: 40,
    memoryBytes: 63 * 1024 * 1024,
    memoryLimitBytes: 1024 ** 3,
    memoryPercent: 6.15234375,
    networkReceivedBytes: 1500,
    networkSentBytes: 23,
    blockReadBytes: 4096,
    blockWrittenBytes: 8192,
    processes: 7,
  });
});

test("usageOf() takes cgroup v1's cache, and no more than the usage", () => {
  const memory = (stats: Record<string, number>): number =>
    usageOf({ memory_stats: { usage: 100, stats } }).memoryBytes;
  expect(memory({ total_inactive_file: 40, inactive_file: 10 })).toBe(60);
  expect(memory({ inactive_file: 200 })).toBe(100);
});

test("usageOf() is all zeros for a container that does not run", () => {
  const { id: _id, name: _name, ...numbers } = usageOf({ id, name: "/x", pids_stats: {} });
  expect(new Set(Object.values(numbers))).toEqual(new Set([0]));
});

test("stats --no-stream asks each running container once", async () => {
  await using engine = openFakeEngine({
    "GET /containers/json": () => Response.json([{ Id: id }]),
    [`GET /containers/${id.slice(0, 12)}/stats`]: () => lines(message),
  });
  const cli = new TestCli({ engine: engine.client });
  await runCommand(command, cli, ["--no-stream"]);
  expect(engine.requests).toEqual([
    "GET /containers/json",
    `GET /containers/${id.slice(0, 12)}/stats?stream=0`,
  ]);
  expect(cli.output.text).toBe(
    "CONTAINER ID   NAME      CPU %     MEM USAGE / LIMIT   MEM %     NET I/O       BLOCK I/O        PIDS\n" +
      "abababababab   web       40.00%    63MiB / 1GiB        6.15%     1.5kB / 23B   4.1kB / 8.19kB   7\n",
  );
});

test("stats --format json is one object a container", async () => {
  await using engine = openFakeEngine({ "GET /containers/web/stats": () => lines(message) });
  const cli = new TestCli({ engine: engine.client });
  await runCommand(command, cli, ["--no-stream", "--no-trunc", "--format", "json", "web"]);
  expect(JSON.parse(cli.output.text)).toEqual({
    BlockIO: "4.1kB / 8.19kB",
    CPUPerc: "40.00%",
    Container: "web",
    ID: id,
    MemPerc: "6.15%",
    MemUsage: "63MiB / 1GiB",
    Name: "web",
    NetIO: "1.5kB / 23B",
    PIDs: "7",
  });
});

test("stats names the containers that do not exist", async () => {
  await using engine = openFakeEngine({
    "GET /containers/web/stats": () => lines(message),
    "GET /containers/nope/stats": () =>
      Response.json({ message: "No such container: nope" }, { status: 404 }),
  });
  const cli = new TestCli({ engine: engine.client });
  await expect(runCommand(command, cli, ["nope", "web"])).rejects.toThrow(
    "Error response from daemon: No such container: nope",
  );
  expect(cli.output.text).toBe("");
});

test("stats follows a container to its end, and draws over itself on a terminal", async () => {
  await using engine = openFakeEngine({ "GET /containers/web/stats": () => lines(message) });
  const terminal = { rows: 24, columns: 80 };
  const cli = new TestCli({ engine: engine.client, terminal });
  await runCommand(command, cli, ["--format", "{{.Name}}", "web"]);
  expect(cli.output.text).toStartWith("\x1b[Hweb\x1b[K\n\x1b[J");
  expect(engine.requests).toEqual(["GET /containers/web/stats?stream=1"]);
});
