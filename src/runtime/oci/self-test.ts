import { lstatSync, mkdirSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "#base/errors.ts";
import type { Processes } from "#host/processes.ts";
import type { Mount, Spec } from "#spec/oci-runtime.ts";
import { needsHiddenUnified, type RuntimeProgram, runProgram } from "./program.ts";

const HOST_FOLDERS = ["bin", "lib", "lib64", "usr"];

/**
 * Runs /bin/true of the host in a container, about 20 ms.
 *
 * @returns Why it failed; undefined when the runtime works here.
 */
export async function selfTest(
  processes: Processes,
  program: RuntimeProgram,
  options: { readonly stateDir: string; readonly systemdCgroup: boolean },
): Promise<string | undefined> {
  if (needsHiddenUnified(program) && processes.runtimeLauncher === undefined && isHybridHost()) {
    return "the v2 cgroup of this host cannot be hidden from it";
  }
  const id = `self-test-${process.pid}`;
  const bundle = join(options.stateDir, id);
  const rootfs = join(bundle, "rootfs");
  try {
    // crun makes its default device nodes in /dev of the root itself
    mkdirSync(join(rootfs, "dev"), { recursive: true });
    const mounts = HOST_FOLDERS.flatMap((name) => showFolder(name, rootfs));
    writeFileSync(join(bundle, "config.json"), JSON.stringify(selfTestSpec(rootfs, mounts, id)));
    const command = ["run", "--bundle", bundle, id];
    await runProgram(processes, program, { systemdCgroup: options.systemdCgroup, command });
    return undefined;
  } catch (error) {
    return messageOf(error);
  } finally {
    rmSync(bundle, { recursive: true, force: true });
  }
}

/** Makes `/bin` of the host visible in `rootfs`: the same link where it is one, else a bind mount. */
function showFolder(name: string, rootfs: string): Mount[] {
  const source = `/${name}`;
  const stat = lstatSync(source, { throwIfNoEntry: false });
  if (stat === undefined) return [];
  if (stat.isSymbolicLink()) {
    symlinkSync(readlinkSync(source), join(rootfs, name));
    return [];
  }
  mkdirSync(join(rootfs, name));
  return [{ destination: source, source, type: "bind", options: ["rbind", "ro"] }];
}

function isHybridHost(): boolean {
  return lstatSync("/sys/fs/cgroup/unified", { throwIfNoEntry: false }) !== undefined;
}

function selfTestSpec(rootfs: string, mounts: readonly Mount[], id: string): Spec {
  return {
    ociVersion: "1.0.2",
    process: { cwd: "/", args: ["/bin/true"], env: [], user: { uid: 0, gid: 0 } },
    root: { path: rootfs },
    mounts: [...mounts, { destination: "/proc", type: "proc", source: "proc" }],
    linux: {
      cgroupsPath: `/wharf-${id}`,
      namespaces: [{ type: "pid" }, { type: "mount" }, { type: "ipc" }, { type: "uts" }],
    },
  };
}
