import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import type { Host } from "#host/host.ts";
import { openLinuxHost } from "#host/linux/host.ts";
import { openRuntime } from "#runtime/open.ts";
import type { CreateRequest, Runtime } from "#runtime/runtime.ts";
import type { Process, Spec } from "#spec/oci-runtime.ts";

const APPLETS = ["cat", "dd", "echo", "head", "ls", "sh", "sleep", "stty", "tail", "true", "wc"];

/** A runtime of its own in a fresh folder, with a busybox root file system. */
export interface RuntimeFixture extends AsyncDisposable {
  readonly host: Host;
  readonly runtime: Runtime;
  readonly stateDir: string;
  readonly logFile: (id: string) => string;
  /** A create request for a shell script. */
  request(id: string, script: string, changes?: RequestChanges): CreateRequest;
}

export interface RequestChanges extends Partial<Omit<CreateRequest, "spec">> {
  /** Instead of the script's. */
  readonly spec?: Spec;
}

export interface FixtureOptions {
  readonly runtimeName: "crun" | "runc";
  /** Of an earlier daemon. */
  readonly stateDir?: string;
  /** With `stateDir`: remove it and all in it at the end. */
  readonly owned?: boolean;
  /** Another boot than this one, for a simulated reboot. */
  readonly bootId?: string;
}

export async function openFixture(options: FixtureOptions): Promise<RuntimeFixture> {
  const host = await openLinuxHost();
  const stateDir = options.stateDir ?? makeStateDir();
  const opened = await openRuntime({
    processes: host.processes,
    cgroups: host.cgroups,
    sockets: host.sockets,
    files: host.files,
    clock: host.clock,
    bootId: options.bootId ?? host.system.bootId,
    stateDir,
    runtimes: {},
    cgroupManager: "cgroupfs",
    defaultRuntime: options.runtimeName,
  });
  const { runtime } = opened;
  const logFile = (id: string): string => join(stateDir, `${id}.log`);
  return {
    host,
    runtime,
    stateDir,
    logFile,
    request: (
      id,
      script,
      { spec = makeSpec(stateDir, id, ["sh", "-c", script]), ...changes } = {},
    ) => ({
      id,
      runtimeName: options.runtimeName,
      spec: () => spec,
      terminal: false,
      openStdin: false,
      stdinOnce: false,
      isRemapped: false,
      logTarget: `k8s-file:${logFile(id)}`,
      cgroupPath: cgroupPath(stateDir, id),
      ...changes,
    }),
    [Symbol.asyncDispose]: async () => {
      if (options.stateDir === undefined || options.owned === true) {
        for (const id of runtime.list()) await runtime.delete(id, { force: true });
        host.cgroups.remove(`/${basename(stateDir)}`);
        rmSync(stateDir, { recursive: true, force: true });
      }
      opened[Symbol.dispose]();
      await host[Symbol.asyncDispose]();
    },
  };
}

function cgroupPath(stateDir: string, id: string): string {
  return `/${basename(stateDir)}/${id}`;
}

function makeStateDir(): string {
  const stateDir = mkdtempSync(join(tmpdir(), "wharf-runtime-"));
  makeRootfs(stateDir);
  return stateDir;
}

/** Busybox and some of its names, at `<stateDir>/rootfs`. */
export function makeRootfs(stateDir: string): void {
  const bin = join(stateDir, "rootfs", "bin");
  mkdirSync(bin, { recursive: true });
  copyFileSync("/bin/busybox", join(bin, "busybox"));
  for (const applet of APPLETS) symlinkSync("busybox", join(bin, applet));
}

export function makeProcess(args: readonly string[]): Process {
  return { cwd: "/", args, env: ["PATH=/bin"], user: { uid: 0, gid: 0 } };
}

export function makeSpec(stateDir: string, id: string, args: readonly string[]): Spec {
  return {
    ociVersion: "1.0.2",
    process: makeProcess(args),
    root: { path: join(stateDir, "rootfs") },
    mounts: [
      { destination: "/proc", type: "proc", source: "proc" },
      { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["mode=755"] },
      {
        destination: "/dev/pts",
        type: "devpts",
        source: "devpts",
        options: ["newinstance", "ptmxmode=0666", "mode=0620"],
      },
    ],
    linux: {
      cgroupsPath: cgroupPath(stateDir, id),
      namespaces: [{ type: "pid" }, { type: "mount" }, { type: "ipc" }, { type: "uts" }],
    },
  };
}
