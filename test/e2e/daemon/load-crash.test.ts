// The benchmark's load, eight clients that run, exec and remove, goes on while the engine is killed with -9 again and again:
// what was acknowledged is there, what was removed is gone, and `system check` finds nothing amiss.
import { expect, test } from "bun:test";
import { startEngine, type TestEngine } from "../../harness/engine.ts";
import { waitUntil } from "../../harness/wait-until.ts";

const CLIENTS = 8;
const KILLS = process.env["WHARF_TEST_LONG"] ? 40 : 3;
/** Between two kills. */
const OPERATIONS = process.env["WHARF_TEST_LONG"] ? 60 : 12;

/** What the clients share: what they know, and whether there is an engine to ask. */
class Load {
  readonly engine: TestEngine;
  /** Acknowledged and not removed. */
  readonly running = new Set<string>();
  /** Their removal was acknowledged. */
  readonly removed = new Set<string>();
  /** Failed with no kill anywhere near. */
  readonly complaints: string[] = [];
  kills = 0;
  done = 0;
  isOver = false;
  up: Promise<void> = Promise.resolve();
  #serial = 0;

  constructor(engine: TestEngine) {
    this.engine = engine;
  }

  /** @returns What it printed; undefined when it was cut off, and nobody knows what came of it. */
  async #client(...words: readonly string[]): Promise<string | undefined> {
    const kills = this.kills;
    const { exitCode, stdout, stderr } = await this.engine.wharf(words, { timeoutMs: 120_000 });
    this.done += 1;
    // to a client the end of an engine looks like the end of the output, even after it was told the exit code
    const isCutOff = kills !== this.kills && stdout === "";
    if (exitCode === 0 && !isCutOff) return stdout.trim();
    if (kills === this.kills) this.complaints.push(`${words.join(" ")}: ${exitCode} ${stderr}`);
    return undefined;
  }

  /** One client: as the benchmark does, one command after the other. */
  async work(): Promise<void> {
    while (!this.isOver) {
      await this.up;
      const name = `load-${this.#serial++}`;
      const said = await this.#client("run", "--rm", "--label", "once", "busybox", "echo", name);
      if (said !== undefined && said !== name) this.complaints.push(`${name} printed ${said}`);
      await this.up;
      const run = ["run", "-d", "--name", name, "-p", "80", "busybox", "sleep", "100000"];
      if ((await this.#client(...run)) === undefined) continue;
      this.running.add(name);
      await this.up;
      const heard = await this.#client("exec", name, "echo", "alive");
      if (heard !== undefined && heard !== "alive") this.complaints.push(`${name}: ${heard}`);
      if (this.running.size <= CLIENTS) continue;
      await this.up;
      const [oldest = name] = this.running;
      this.running.delete(oldest);
      if ((await this.#client("rm", "-f", oldest)) !== undefined) this.removed.add(oldest);
    }
  }

  /** `kill -9` in the middle of it all, and another engine. */
  async kill(): Promise<void> {
    const enough = this.done + OPERATIONS;
    await waitUntil("the load goes on", () => this.done >= enough, 120_000);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.up = promise;
    this.kills += 1;
    await this.engine.crash();
    await this.engine.start();
    // what was asked while there was no engine has failed for that reason
    this.kills += 1;
    resolve();
  }
}

test(
  `${KILLS} kills under the benchmark's load lose and leak nothing`,
  async () => {
    await using engine = await startEngine();
    const kept = await engine.mustWharf(
      "run",
      "-d",
      "--name",
      "kept",
      "busybox",
      "sleep",
      "100000",
    );
    const pid = await engine.mustWharf("inspect", "-f", "{{.State.Pid}}", "kept");
    const load = new Load(engine);
    const clients = Array.from({ length: CLIENTS }, async () => await load.work());
    for (let kill = 0; kill < KILLS; kill += 1) await load.kill();
    load.isOver = true;
    await Promise.all(clients);
    expect(load.complaints).toEqual([]);
    expect(await engine.mustWharf("inspect", "-f", "{{.Id}} {{.State.Pid}}", "kept")).toBe(
      `${kept} ${pid}`,
    );
    const names = (await engine.mustWharf("ps", "-a", "--format", "{{.Names}}")).split("\n");
    expect([...load.running].filter((name) => !names.includes(name))).toEqual([]);
    expect([...load.removed].filter((name) => names.includes(name))).toEqual([]);
    for (const name of load.running) {
      expect(await engine.mustWharf("exec", name, "echo", name)).toBe(name);
    }
    // one whose start was never asked for, because the engine was killed before, waits for it
    const ran = ["running", "paused", "restarting", "exited", "removing", "dead"];
    const once = ["label=once", ...ran.map((status) => `status=${status}`)];
    const filters = once.flatMap((filter) => ["--filter", filter]);
    await waitUntil(
      "containers that were to run once are gone",
      async () => (await engine.mustWharf("ps", "-aq", ...filters)) === "",
      60_000,
    );
    const left = await engine.mustWharf("ps", "-aq");
    await engine.mustWharf("rm", "-f", ...left.split("\n"));
    const found = await engine.wharf(["system", "check"]);
    expect(`${found.exitCode} ${found.stderr}`).toBe("0 ");
  },
  process.env["WHARF_TEST_LONG"] ? 3_600_000 : 300_000,
);
