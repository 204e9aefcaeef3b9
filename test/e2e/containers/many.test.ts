// Many containers by 16 clients at once: no error, nothing left, the daemon stays small.
import { expect, test } from "bun:test";
import { startEngine, type TestEngine } from "../../harness/engine.ts";
import { MemoryWatch } from "../../harness/memory.ts";

const CONTAINERS = process.env["WHARF_TEST_LONG"] ? 500 : 80;
const CLIENTS = 16;
const DAEMON_MB = 250;

async function ask(
  engine: TestEngine,
  status: number,
  ...request: Parameters<TestEngine["api"]>
): Promise<string> {
  const response = await engine.api(...request);
  const text = await response.text();
  expect(`${request[0]} ${request[1]}: ${response.status} ${text}`).toStartWith(
    `${request[0]} ${request[1]}: ${status} `,
  );
  return text;
}

/** Calls `work` once for each container, from as many clients at once as the test has. */
async function byClients(work: (name: string) => Promise<void>): Promise<void> {
  let next = 0;
  const client = async (): Promise<void> => {
    while (next < CONTAINERS) await work(`many-${next++}`);
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
}

async function idsOf(engine: TestEngine, query: string): Promise<readonly string[]> {
  const list = JSON.parse(await ask(engine, 200, "GET", `/containers/json?${query}`)) as {
    Id: string;
  }[];
  return list.map((one) => one.Id);
}

test(`${CONTAINERS} containers by ${CLIENTS} clients, all running at once`, async () => {
  await using engine = await startEngine();
  using watch = new MemoryWatch(engine.pid);
  const ids = new Set<string>();
  await byClients(async (name) => {
    const created = await ask(engine, 201, "POST", `/containers/create?name=${name}`, {
      Image: "busybox",
      Cmd: ["sh", "-c", `echo ${name}; exec sleep 100000`],
      ExposedPorts: { "80/tcp": {} },
      HostConfig: { PortBindings: { "80/tcp": [{ HostIp: "127.0.0.1" }] } },
      Volumes: { "/data": {} },
    });
    ids.add((JSON.parse(created) as { Id: string }).Id);
    await ask(engine, 204, "POST", `/containers/${name}/start`);
    const state = JSON.parse(await ask(engine, 200, "GET", `/containers/${name}/json`)) as {
      State: { Running: boolean };
      NetworkSettings: { Networks: { bridge: { IPAddress: string } } };
    };
    expect(state.State.Running).toBe(true);
    expect(state.NetworkSettings.Networks.bridge.IPAddress).not.toBe("");
  });
  expect(ids.size).toBe(CONTAINERS);
  expect(await idsOf(engine, "")).toHaveLength(CONTAINERS);
  await byClients(async (name) => {
    const logs = await ask(engine, 200, "GET", `/containers/${name}/logs?stdout=1`);
    expect(logs).toEndWith(`${name}\n`);
    await ask(engine, 204, "POST", `/containers/${name}/stop?t=0`);
    await ask(engine, 204, "DELETE", `/containers/${name}?v=1`);
  });
  expect(await idsOf(engine, "all=1")).toEqual([]);
  console.log(`many.test.ts: the daemon took at most ${watch.peakMegabytes.toFixed(0)} MB`);
  expect(watch.peakMegabytes).toBeLessThan(DAEMON_MB);
}, 600_000);
