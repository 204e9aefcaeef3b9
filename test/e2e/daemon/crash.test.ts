// The engine is killed with -9 at random moments under load: nothing acknowledged is lost, nothing leaks.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { CACHE, startEngine, type TestEngine } from "../../harness/engine.ts";
import { findLeaks } from "../../harness/leaks.ts";
import { Random } from "../../harness/random.ts";
import { waitUntil } from "../../harness/wait-until.ts";

const ROUNDS = process.env["WHARF_TEST_LONG"] ? 100 : 10;
const CLIENTS = process.env["WHARF_TEST_LONG"] ? 16 : 4;
const random = new Random();
console.log(`crash.test.ts: seed ${random.seed}, ${ROUNDS} rounds (WHARF_TEST_SEED repeats them)`);

let engine: TestEngine;
let neighbour: TestEngine;
beforeAll(async () => {
  [engine, neighbour] = await Promise.all([startEngine(), startEngine()]);
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  await neighbour[Symbol.asyncDispose]();
});

type Kind = "sleeper" | "counter" | "exits";

/** What the client knows for sure of one container; `undefined` where a request was cut off. */
interface Known {
  readonly name: string;
  readonly kind: Kind;
  readonly exitCode: number;
  exists: boolean | undefined;
  running: boolean | undefined;
}

const COMMANDS: Readonly<Record<Kind, (exitCode: number) => string>> = {
  sleeper: () => "exec sleep 100000",
  counter: () => "i=0; while :; do i=$((i+1)); echo $i; sleep 0.01; done",
  exits: (exitCode) => `sleep 0.2; exit ${exitCode}`,
};

/** Sends one request; `cutOff` when the engine died before it answered. */
async function ask(
  method: string,
  path: string,
  body?: unknown,
): Promise<{ ok: boolean; status: number; text: string } | "cutOff"> {
  try {
    const response = await engine.api(method, path, body);
    return { ok: response.ok, status: response.status, text: await response.text() };
  } catch {
    return "cutOff";
  }
}

let serial = 0;
const all = new Map<string, Known>();
const ids = new Set<string>();

async function createOne(): Promise<Known> {
  const kind = random.pick<Kind>(["sleeper", "counter", "exits"]);
  const known: Known = {
    name: `crash-${serial++}`,
    kind,
    exitCode: random.between(1, 120),
    exists: undefined,
    running: false,
  };
  all.set(known.name, known);
  const answer = await ask("POST", `/containers/create?name=${known.name}`, {
    Image: "busybox",
    Cmd: ["sh", "-c", COMMANDS[kind](known.exitCode)],
    HostConfig: random.next() < 0.3 ? { PortBindings: { "80/tcp": [{ HostPort: "0" }] } } : {},
    Volumes: random.next() < 0.3 ? { "/data": {} } : {},
  });
  if (answer === "cutOff") return known;
  expect(answer).toMatchObject({ status: 201 });
  known.exists = true;
  ids.add((JSON.parse(answer.text) as { Id: string }).Id);
  if (random.next() < 0.8) await startOne(known);
  return known;
}

async function startOne(known: Known): Promise<void> {
  known.running = undefined;
  const answer = await ask("POST", `/containers/${known.name}/start`);
  if (answer === "cutOff") return;
  expect([204, 304]).toContain(answer.status);
  known.running = known.kind === "exits" ? undefined : true;
}

async function stopOne(known: Known): Promise<void> {
  known.running = undefined;
  const answer = await ask("POST", `/containers/${known.name}/stop?t=0`);
  if (answer === "cutOff") return;
  expect([204, 304]).toContain(answer.status);
  known.running = false;
}

async function removeOne(known: Known): Promise<void> {
  known.exists = undefined;
  known.running = undefined;
  const answer = await ask("DELETE", `/containers/${known.name}?force=1&v=1`);
  if (answer === "cutOff") return;
  expect([204, 404]).toContain(answer.status);
  known.exists = false;
}

async function load(): Promise<void> {
  try {
    const response = await fetch("http://wharf/images/create?fromSrc=-&repo=extra&tag=1", {
      method: "POST",
      unix: engine.socket,
      body: Bun.file(join(CACHE, "busybox.tar")),
    });
    await response.text();
  } catch {
    // cut off: the image is there whole or not at all, see `check`
  }
}

/** One client: goes on with random requests until the engine dies under it. */
async function client(alive: { yes: boolean }, mine: Known[]): Promise<void> {
  while (alive.yes) {
    const existing = mine.filter((known) => known.exists === true);
    const dice = random.next();
    if (existing.length < 2 || dice < 0.35) {
      mine.push(await createOne());
    } else if (dice < 0.5) await stopOne(random.pick(existing));
    else if (dice < 0.65) await startOne(random.pick(existing));
    else if (dice < 0.95) await removeOne(random.pick(existing));
    else await load();
  }
}

interface Inspect {
  readonly State: { readonly Status: string; readonly ExitCode: number; readonly Running: boolean };
}

async function check(known: Known): Promise<void> {
  const answer = await ask("GET", `/containers/${known.name}/json`);
  if (answer === "cutOff") throw new Error("The engine died on its own");
  if (known.exists === true) expect(`${known.name} ${answer.status}`).toBe(`${known.name} 200`);
  if (known.exists === false) expect(`${known.name} ${answer.status}`).toBe(`${known.name} 404`);
  known.exists = answer.status === 200;
  if (!known.exists) return;
  const { State } = JSON.parse(answer.text) as Inspect;
  expect(["created", "running", "exited"]).toContain(State.Status);
  expect(State.Running).toBe(State.Status === "running");
  if (known.running === true) expect(`${known.name} ${State.Status}`).toBe(`${known.name} running`);
  if (known.running === false) expect(`${known.name} ${State.Running}`).toBe(`${known.name} false`);
  known.running = State.Running;
  if (known.kind === "exits" && State.Running) {
    await waitUntil(`${known.name} ends`, async () => !(await inspect(known.name)).State.Running);
    known.running = false;
  }
  const now = (await inspect(known.name)).State;
  if (known.kind === "exits" && now.Status === "exited") {
    expect([known.exitCode, 137]).toContain(now.ExitCode);
  }
  if (known.running && known.kind === "sleeper") {
    expect(await engine.mustDocker("exec", known.name, "echo", "alive")).toBe("alive");
  }
  if (known.kind === "counter") await checkLog(known);
}

async function inspect(name: string): Promise<Inspect> {
  return (await (await engine.api("GET", `/containers/${name}/json`)).json()) as Inspect;
}

/** Lines 1, 2, 3… without a gap; each start counts anew. */
async function checkLog(known: Known): Promise<void> {
  const lines = (await engine.mustDocker("logs", known.name))
    .split("\n")
    .filter(Boolean)
    .map(Number);
  for (const [index, line] of lines.entries()) {
    if (line !== 1)
      expect(`${known.name} ${line}`).toBe(`${known.name} ${(lines[index - 1] ?? 0) + 1}`);
  }
}

test(
  `${ROUNDS} kills at random moments lose nothing that was acknowledged`,
  async () => {
    const neighbours = await neighbour.mustDocker(
      "run",
      "-d",
      "--name",
      "calm",
      "busybox",
      "sleep",
      "100000",
    );
    for (let round = 0; round < ROUNDS; round++) {
      const alive = { yes: true };
      const mine = Array.from({ length: CLIENTS }, () => [] as Known[]);
      for (const [index, known] of [...all.values()].entries()) mine[index % CLIENTS]?.push(known);
      const clients = mine.map((list) => client(alive, list));
      await Bun.sleep(random.between(30, 900));
      alive.yes = false;
      await engine.crash();
      await Promise.all(clients);
      await engine.start();
      for (const known of all.values()) await check(known);
      const images = await engine.mustDocker("images", "--format", "{{.Repository}}:{{.Tag}}");
      for (const image of images.split("\n")) {
        expect(["busybox:latest", "extra:1", "<none>:<none>"]).toContain(image);
      }
      expect(await engine.mustDocker("run", "--rm", "busybox", "echo", "works")).toBe("works");
    }
    for (const known of all.values()) if (known.exists) await removeOne(known);
    const deadline = performance.now() + 5_000;
    expect(await engine.mustDocker("ps", "-aq")).toBe("");
    // What a running engine with no container has: its process, its bridge, its table.
    const own = [` ${engine.pid} `, `link ${engine.bridge} `, "nftables table inet"];
    const left = await waitUntil("the work behind the answers is done", async () => {
      const found = await findLeaks({
        root: engine.root,
        bridge: engine.bridge,
        engineId: engine.engineId,
        containerIds: [...ids],
      });
      const foreign = found.filter((leak) => !own.some((part) => leak.includes(part)));
      return foreign.length === 0 || performance.now() > deadline ? foreign : undefined;
    });
    expect(left).toEqual([]);
    expect(await neighbour.mustDocker("inspect", "-f", "{{.Id}} {{.State.Status}}", "calm")).toBe(
      `${neighbours} running`,
    );
    expect(await neighbour.mustDocker("exec", "calm", "echo", "unharmed")).toBe("unharmed");
  },
  process.env["WHARF_TEST_LONG"] ? 3_600_000 : 300_000,
);
