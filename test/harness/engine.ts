import { randomBytes } from "node:crypto";
import {
  mkdirSync,
  mkdtempSync,
  openSync,
  closeSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { type CommandOptions, type CommandResult, mustRun, runCommand } from "./command.ts";
import { findLeaks } from "./leaks.ts";
import { isRecordingSurface, recordRequests } from "./api/surface.ts";
import { waitUntil } from "./wait-until.ts";

export const WHARF: string = resolve("dist/wharf");
/** The unmodified docker CLI, where this machine has it; else our own client stands in. */
export const DOCKER: string = Bun.which("docker") ?? WHARF;
export const hasDockerCli: boolean = DOCKER !== WHARF;
export const CACHE: string = process.env["WHARF_TEST_CACHE"] ?? "/var/cache/wharf-test";

export interface EngineOptions {
  /** More daemon flags. */
  readonly flags?: readonly string[];
  /** Images of the cache to import before the test; busybox when absent. */
  readonly images?: readonly ("busybox" | "debian" | "programs")[];
  readonly env?: Readonly<Record<string, string>>;
  /** A command that the daemon is started by, which becomes it. */
  readonly under?: readonly string[];
}

const IMAGES = {
  busybox: { reference: "busybox:latest", changes: ['CMD ["sh"]'] },
  debian: { reference: "debian:12", changes: ['CMD ["bash"]'] },
  programs: { reference: "programs:latest", changes: ['CMD ["bash"]'] },
} as const;

/**
 * An engine of the test's own, started from dist/wharf with its own folders, bridge and socket.
 * Disposing removes its containers, stops it, and fails the test when anything of it is left on the host.
 */
export class TestEngine implements AsyncDisposable {
  readonly root: string;
  readonly bridge: string;
  readonly socket: string;
  readonly host: string;
  readonly flags: string[];
  /** What the next start runs. */
  executable: string = WHARF;
  readonly #env: Readonly<Record<string, string>>;
  readonly #under: readonly string[];
  readonly #containerIds = new Set<string>();
  #daemon: Bun.Subprocess | undefined;
  #engineId = "";
  /** Shown to the daemon instead of the kernel's, to play a reboot. */
  bootId: string | undefined;

  constructor(options: EngineOptions) {
    // A short root: unix socket paths end at 108 bytes.
    this.root = mkdtempSync("/var/tmp/wharf-e2e-");
    // by chance, not by pid: a run that was killed may have left its bridges
    this.bridge = `wt${randomBytes(5).toString("hex")}`;
    this.socket = join(this.root, "wharf.sock");
    this.host = `unix://${this.socket}`;
    this.flags = [
      ...(isRecordingSurface ? ["--log-level", "debug"] : []),
      ...(options.flags ?? []),
    ];
    this.#env = options.env ?? {};
    this.#under = options.under ?? [];
  }

  get pid(): number {
    if (!this.#daemon) throw new Error("The engine is not running");
    return this.#daemon.pid;
  }

  get engineId(): string {
    return this.#engineId;
  }

  daemonLog(): string {
    return readFileSync(join(this.root, "daemon.log"), "utf8");
  }

  async start(): Promise<void> {
    mkdirSync(this.root, { recursive: true });
    const log = openSync(join(this.root, "daemon.log"), "a");
    this.#daemon = Bun.spawn(
      [
        ...this.#under,
        ...this.#underOtherBootId(),
        this.executable,
        "daemon",
        ...["-H", this.host, "--data-root", join(this.root, "data")],
        ...["--exec-root", join(this.root, "run"), "--pidfile", join(this.root, "wharf.pid")],
        ...["--bridge", this.bridge, ...this.flags],
      ],
      {
        stdin: "ignore",
        stdout: log,
        stderr: log,
        env: { ...process.env, ...this.#env },
      },
    );
    closeSync(log);
    const daemon = this.#daemon;
    await waitUntil(
      "the engine answers",
      async () => {
        if (daemon.exitCode !== null) throw new Error(`The engine ended:\n${this.daemonLog()}`);
        try {
          return (await this.api("GET", "/_ping")).ok;
        } catch {
          return false;
        }
      },
      20_000,
    );
    const info = (await (await this.api("GET", "/info")).json()) as { ID: string };
    this.#engineId = info.ID;
  }

  /** A private mount namespace in which the boot id is another; the daemon keeps its pid. */
  #underOtherBootId(): string[] {
    if (this.bootId === undefined) return [];
    const file = join(this.root, "boot_id");
    writeFileSync(file, `${this.bootId}\n`);
    const script = 'mount --bind "$0" /proc/sys/kernel/random/boot_id && exec "$@"';
    return ["unshare", "-m", "--propagation", "private", "sh", "-c", script, file];
  }

  /** Ends the daemon with SIGTERM and waits; returns its exit code. */
  async stop(): Promise<number> {
    this.#daemon?.kill("SIGTERM");
    const code = (await this.#daemon?.exited) ?? 0;
    this.#daemon = undefined;
    return code;
  }

  /** `kill -9`, and waits until the process is gone. */
  async crash(): Promise<void> {
    this.#daemon?.kill("SIGKILL");
    await this.#daemon?.exited;
    this.#daemon = undefined;
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  /** One API request; `path` without a version is the newest. */
  async api(method: string, path: string, body?: unknown): Promise<Response> {
    return await fetch(`http://wharf${path}`, {
      method,
      unix: this.socket,
      keepalive: false, // a kept connection may be one to an engine that was killed
      ...(body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } }),
    });
  }

  environment(): Record<string, string> {
    return {
      DOCKER_HOST: this.host,
      DOCKER_CONTEXT: "",
      DOCKER_CONFIG: join(this.root, "client"),
      NO_COLOR: "1",
    };
  }

  /** The docker CLI against this engine; our own where there is none. */
  async docker(args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
    return await this.#client(DOCKER, args, options, runCommand);
  }

  /** Our own client. */
  async wharf(args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
    return await this.#client(WHARF, args, options, runCommand);
  }

  /** `docker` where a failure fails the test; returns trimmed stdout. */
  async mustDocker(...args: readonly string[]): Promise<string> {
    return (await this.#client(DOCKER, args, {}, mustRun)).stdout.trim();
  }

  /** `wharf` where a failure fails the test; returns trimmed stdout. */
  async mustWharf(...args: readonly string[]): Promise<string> {
    return (await this.#client(WHARF, args, {}, mustRun)).stdout.trim();
  }

  async #client(
    client: string,
    args: readonly string[],
    options: CommandOptions,
    run: typeof runCommand,
  ): Promise<CommandResult> {
    return await run([client, ...args], {
      ...options,
      env: { ...this.environment(), ...options.env },
    });
  }

  async importImage(name: keyof typeof IMAGES): Promise<void> {
    const image = IMAGES[name];
    const changes = image.changes.flatMap((change) => ["-c", change]);
    const args = ["image", "import", ...changes, join(CACHE, `${name}.tar`), image.reference];
    await this.#client(WHARF, args, { timeoutMs: 240_000 }, mustRun);
  }

  async #removeContainers(): Promise<void> {
    const all = (await (await this.api("GET", "/containers/json?all=1")).json()) as {
      Id: string;
    }[];
    for (const { Id } of all) this.#containerIds.add(Id);
    await Promise.all(all.map(({ Id }) => this.api("DELETE", `/containers/${Id}?force=1&v=1`)));
  }

  /** Stops everything and lists what is left of it on the host, mounts to processes. */
  async stopAndFindLeaks(): Promise<string[]> {
    if (!this.#daemon) await this.start();
    await this.#removeContainers();
    await this.stop();
    return await findLeaks({
      root: this.root,
      bridge: this.bridge,
      engineId: this.#engineId,
      containerIds: [...this.#containerIds],
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const leaks = await this.stopAndFindLeaks();
    const log = this.daemonLog();
    recordRequests(log);
    if (leaks.length > 0)
      throw new Error(`The engine left on the host:\n${leaks.join("\n")}\n${log}`);
    // An error in the log is a bug of the engine, whatever the client saw.
    const errors = log.split("\n").filter((line) => line.includes("level=error"));
    if (errors.length > 0) throw new Error(`The engine logged errors:\n${errors.join("\n")}`);
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** A started engine with its images; hold it by `await using`. */
export async function startEngine(options: EngineOptions = {}): Promise<TestEngine> {
  const engine = new TestEngine(options);
  await engine.start();
  for (const name of options.images ?? ["busybox"]) await engine.importImage(name);
  return engine;
}
