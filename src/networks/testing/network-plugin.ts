import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface NetworkPluginCall {
  /** `NetworkDriver.Join` */
  readonly method: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** A network plugin in a process of its own. */
export class TestNetworkPlugin implements AsyncDisposable {
  readonly #socket: string;
  readonly #folder: string;
  #child: Bun.Subprocess | undefined;

  constructor(pluginFolder: string, name: string) {
    this.#socket = join(pluginFolder, `${name}.sock`);
    this.#folder = join(pluginFolder, `${name}.state`);
    mkdirSync(this.#folder, { recursive: true });
  }

  async start(): Promise<void> {
    rmSync(this.#socket, { force: true });
    const program = join(import.meta.dir, "network-plugin-program.ts");
    this.#child = Bun.spawn([process.execPath, program, this.#socket, this.#folder], {
      stdio: ["ignore", "ignore", "inherit"],
    });
    while (!existsSync(this.#socket)) {
      if (this.#child.exitCode !== null) throw new Error("the plugin ended before it listened");
      await Bun.sleep(5);
    }
  }

  async kill(): Promise<void> {
    this.#child?.kill("SIGKILL");
    await this.#child?.exited;
  }

  /** Lines `METHOD MODE [TEXT]`: ok, hang, die, close, lack, refuse, say. */
  behave(...lines: readonly string[]): void {
    writeFileSync(join(this.#folder, "mode"), lines.join("\n"));
  }

  calls(method?: string): readonly NetworkPluginCall[] {
    const file = join(this.#folder, "calls");
    const lines = existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
    const all = lines.map((line) => JSON.parse(line) as NetworkPluginCall);
    return method === undefined ? all : all.filter((call) => call.method === method);
  }

  forgetCalls(): void {
    rmSync(join(this.#folder, "calls"), { force: true });
  }

  /** Addresses that it has given, by pool. */
  given(): Readonly<Record<string, readonly string[]>> {
    const file = join(this.#folder, "state.json");
    const state = JSON.parse(readFileSync(file, "utf8")) as {
      readonly pools: Readonly<Record<string, readonly string[]>>;
    };
    return state.pools;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    rmSync(this.#socket, { force: true });
    // bridges of networks that nobody had it delete
    for (const name of readdirSync(this.#folder)) {
      if (name.startsWith("pb"))
        Bun.spawnSync(["ip", "link", "delete", name], { stderr: "ignore" });
    }
  }
}
