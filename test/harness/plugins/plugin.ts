import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join, resolve } from "node:path";
import { waitUntil } from "../wait-until.ts";

export interface PluginCall {
  /** `VolumeDriver.Mount` */
  readonly method: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** A plugin in a process of its own, in a folder that an engine is told of by `--plugin-dir`. */
export class TestPlugin implements AsyncDisposable {
  readonly name: string;
  readonly socket: string;
  /** What it keeps: `volumes/NAME`, its calls, its mode. */
  readonly folder: string;
  #child: Bun.Subprocess | undefined;

  /** @param pluginFolder Where the engine looks for sockets. */
  constructor(name: string, pluginFolder: string) {
    this.name = name;
    this.socket = join(pluginFolder, `${name}.sock`);
    this.folder = join(pluginFolder, `${name}.state`);
    mkdirSync(this.folder, { recursive: true });
  }

  async start(): Promise<void> {
    const program = resolve("test/harness/plugins/plugin-program.ts");
    this.#child = Bun.spawn([process.execPath, program, this.socket, this.folder], {
      stdio: ["ignore", "ignore", "ignore"],
    });
    await waitUntil(`plugin ${this.name} listens`, () => canConnect(this.socket));
  }

  /** Ends it as a crash does: its socket file stays. */
  async kill(): Promise<void> {
    this.#child?.kill("SIGKILL");
    await this.#child?.exited;
    this.#child = undefined;
  }

  /** Lines `METHOD MODE [TEXT]`: ok, hang, die, garbage, close, refuse, fail, say. */
  behave(...lines: readonly string[]): void {
    writeFileSync(join(this.folder, "mode"), lines.join("\n"));
  }

  /** Since the last `forgetCalls`. */
  calls(method?: string): readonly PluginCall[] {
    const file = join(this.folder, "calls");
    const lines = existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
    const all = lines.filter((line) => line !== "").map((line) => JSON.parse(line) as PluginCall);
    return method === undefined ? all : all.filter((call) => call.method === method);
  }

  forgetCalls(): void {
    rmSync(join(this.folder, "calls"), { force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    rmSync(this.socket, { force: true });
    rmSync(this.folder, { recursive: true, force: true });
  }
}

async function canConnect(path: string): Promise<boolean> {
  return await new Promise((done) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      done(true);
    });
    socket.once("error", () => done(false));
  });
}
