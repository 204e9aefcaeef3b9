import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { FailedPreconditionError, messageOf } from "#base/errors.ts";
import type { SpecHost } from "#containers/oci-spec/input.ts";
import type { SeccompProfile } from "#containers/oci-spec/seccomp.ts";
import type { Clock } from "#host/clock.ts";
import type { Mounts } from "#host/mounts.ts";
import type { RunningProcess, Runtime } from "#runtime/runtime.ts";
import type { ManagedPluginRecord } from "./managed-plugin.ts";
import type { PluginPaths } from "./paths.ts";
import { planPluginSpec } from "./plan-spec.ts";

const SIGTERM = 15;
const SIGKILL = 9;
/** How long a plugin may take from its start to its socket. */
const SOCKET_WAIT_MS = 10_000;
const SOCKET_POLL_MS = 20;
const STOP_GRACE_MS = 10_000;
const LOG_MAX_BYTES = 1024 * 1024;
const MAX_SOCKET_PATH_BYTES = 107;

export interface PluginProcessesOptions {
  /** Their own, apart from that of the containers; opened when the first plugin needs it. */
  readonly openRuntime: () => Promise<Runtime>;
  readonly mounts: Pick<Mounts, "bind" | "list" | "setPropagation" | "unmount">;
  readonly clock: Pick<Clock, "delay" | "monotonicMs">;
  readonly host: SpecHost;
  readonly seccompProfile?: SeccompProfile;
  /** By id: for the specification, and for the files of the hierarchies. */
  readonly cgroupPaths: (id: string) => { readonly spec: string; readonly files: string };
}

/** The process of one plugin and what it stands on. */
export class PluginProcesses {
  readonly #options: PluginProcessesOptions;

  constructor(options: PluginProcessesOptions) {
    this.#options = options;
  }

  /** @returns Undefined when an earlier engine's does not run any more. */
  async adopt(id: string): Promise<RunningProcess | undefined> {
    const runtime = await this.#options.openRuntime();
    const found = await runtime.adopt(id);
    if (found.status === "running") return found;
    await runtime.delete(id, { force: true });
    return undefined;
  }

  /**
   * Starts it and waits until it listens.
   *
   * @throws {FailedPreconditionError} It ended, or made no socket; with the last of what it printed. Nothing runs then.
   */
  async start(
    plugin: ManagedPluginRecord,
    paths: PluginPaths,
    lastWords: () => string,
    signal: AbortSignal,
  ): Promise<RunningProcess> {
    const runtime = await this.#options.openRuntime();
    const socket = join(paths.sockets, plugin.config.Interface.Socket);
    if (Buffer.byteLength(socket) > MAX_SOCKET_PATH_BYTES) {
      throw new FailedPreconditionError(
        `Cannot enable plugin ${plugin.name}: the path of its socket, ${socket}, is over ${MAX_SOCKET_PATH_BYTES} bytes; choose a shorter --exec-root`,
      );
    }
    this.#makeReady(plugin, paths);
    const { host, seccompProfile, cgroupPaths } = this.#options;
    const cgroups = cgroupPaths(plugin.id);
    const spec = (): ReturnType<typeof planPluginSpec> =>
      planPluginSpec({
        plugin,
        paths,
        host,
        cgroupPath: cgroups.spec,
        ...(seccompProfile ? { seccompProfile } : {}),
      });
    await using undo = new AsyncDisposableStack();
    undo.defer(() => this.stop(plugin.id, paths));
    const process = await runtime.create(
      {
        id: plugin.id,
        runtimeName: propagatingRuntime(runtime, plugin),
        spec,
        terminal: false,
        openStdin: false,
        stdinOnce: false,
        isRemapped: false,
        logTarget: `k8s-file:${paths.log}`,
        logMaxBytes: LOG_MAX_BYTES,
        cgroupPath: cgroups.files,
      },
      signal,
    );
    await runtime.start(plugin.id);
    await this.#waitForSocket(plugin, socket, process, lastWords, signal);
    undo.move();
    return process;
  }

  /** Idempotent. */
  async stop(id: string, paths: PluginPaths): Promise<void> {
    const runtime = await this.#options.openRuntime();
    const found = runtime.list().includes(id) ? await runtime.adopt(id) : undefined;
    if (found?.status === "running" && runtime.kill(id, SIGTERM)) {
      const grace = new AbortController();
      await Promise.race([
        found.exited,
        this.#options.clock.delay(STOP_GRACE_MS, grace.signal).catch(() => undefined),
      ]);
      grace.abort();
      runtime.kill(id, SIGKILL);
    }
    await runtime.delete(id, { force: true });
    this.unmountAll(paths);
  }

  /** What the plugin mounted goes with it: innermost first. */
  unmountAll(paths: PluginPaths): void {
    const { mounts } = this.#options;
    for (const { target } of mounts.list(paths.directory).toReversed()) {
      mounts.unmount(target, { lazy: true });
    }
  }

  #makeReady(plugin: ManagedPluginRecord, paths: PluginPaths): void {
    mkdirSync(paths.sockets, { recursive: true, mode: 0o700 });
    writeFileSync(join(paths.directory, "hostname"), `${plugin.id.slice(0, 12)}\n`);
    // copies: a plugin is root, and must not write the host's
    for (const name of ["hosts", "resolv.conf"]) {
      try {
        copyFileSync(join("/etc", name), join(paths.directory, name));
      } catch {
        writeFileSync(join(paths.directory, name), ""); // a host may have none
      }
    }
    if (plugin.config.PropagatedMount === "") return;
    mkdirSync(paths.propagatedMount, { recursive: true });
    const { mounts } = this.#options;
    const isMounted = mounts
      .list(paths.propagatedMount)
      .some(({ target }) => target === paths.propagatedMount);
    if (isMounted) return;
    mounts.bind({ source: paths.propagatedMount, target: paths.propagatedMount });
    mounts.setPropagation(paths.propagatedMount, "rshared");
  }

  async #waitForSocket(
    plugin: ManagedPluginRecord,
    socket: string,
    process: RunningProcess,
    lastWords: () => string,
    signal: AbortSignal,
  ): Promise<void> {
    const { clock } = this.#options;
    let exitCode: number | undefined;
    void process.exited.then((exit) => {
      exitCode = exit.exitCode;
    });
    const giveUpMs = clock.monotonicMs() + SOCKET_WAIT_MS;
    for (;;) {
      const problem = await tryConnect(socket);
      if (problem === undefined) return;
      const isOver = exitCode !== undefined || clock.monotonicMs() > giveUpMs;
      if (isOver) {
        const how = exitCode === undefined ? problem : `it ended with exit code ${exitCode}`;
        const said = lastWords();
        throw new FailedPreconditionError(
          `Cannot enable plugin ${plugin.name}: ${how}${said === "" ? "" : `; it said: ${said}`}`,
        );
      }
      await clock.delay(SOCKET_POLL_MS, signal);
    }
  }
}

/** @returns What keeps from connecting. */
async function tryConnect(path: string): Promise<string | undefined> {
  return await new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(undefined);
    });
    socket.once("error", (error) => resolve(`it does not listen: ${messageOf(error)}`));
  });
}

/**
 * crun is started on some hosts in a mount name space that hears of the host's mounts and tells of none: what a plugin
 * mounts would stay its own there.
 */
function propagatingRuntime(runtime: Runtime, { config }: ManagedPluginRecord): string {
  const hasRunc = Object.hasOwn(runtime.runtimes, "runc");
  return config.PropagatedMount !== "" && hasRunc ? "runc" : runtime.defaultRuntime;
}
