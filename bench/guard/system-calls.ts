import { closeSync, openSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

/**
 * System calls whose number follows from what is done, not from how long it takes: those of waiting, of memory and of
 * reading what has arrived so far are left out.
 */
const COUNTED: readonly string[] = [
  ...["vfork", "fork", "setns", "unshare", "pidfd_send_signal", "kill"],
  ...["openat", "openat2", "open", "access", "faccessat2", "readlink", "statx"],
  ...["mkdir", "mkdirat", "mknod", "mknodat", "rmdir", "unlink", "unlinkat", "symlink", "link"],
  ...["rename", "renameat", "renameat2", "chown", "fchown", "chmod", "fchmod", "fchmodat"],
  ...["pwrite64", "ftruncate", "fsync", "fdatasync", "sync_file_range", "syncfs"],
  ...["mount", "umount2", "fsopen", "fsconfig", "fsmount", "move_mount", "open_tree"],
  ...["socket", "connect", "bind", "inotify_add_watch", "inotify_rm_watch"],
];

/**
 * Chance: whether a process that ends is still there to be looked at, and how often a move between cgroups is announced
 * while an announcement is under way.
 */
const CHANCE = /"\/proc\/\d+\/|"\/proc\/self\/cgroup"|\/cgroup\.procs[">]/;

/** Pages that go from the database's log into the database go by hundreds, now and then. */
const CHECKPOINT = /^(?:\d+<[^>]*\.db>|\d+<[^>]*-shm>)/;

/** How often each happened. Other names than those of system calls: `files written`, opened with leave to write. */
export type Counts = Readonly<Record<string, number>>;

/** A statement outside a transaction is one of its own; each begins by locking the index of the log for reading. */
const TRANSACTION = /^\d+<[^>]*\.db-shm>, F_SETLK, \{l_type=F_RDLCK/;

/**
 * Counts what went well; what is tried again until it does counts once.
 *
 * @param log strace's, of several threads: `PID name(arguments) = result`, or in two parts, the first of which ends with
 *   `<unfinished ...>`.
 */
export function countCalls(log: string): Counts {
  const counts = new Map<string, number>();
  const add = (name: string): void => void counts.set(name, (counts.get(name) ?? 0) + 1);
  for (const { name, words } of finishedCalls(log)) {
    if (name === "fcntl" && TRANSACTION.test(words)) add("database transactions");
    if (!COUNTED.includes(name) || CHANCE.test(words) || CHECKPOINT.test(words)) continue;
    add(name);
    if (name.startsWith("open") && /O_WRONLY|O_RDWR/.test(words)) add("files written");
  }
  return Object.fromEntries([...counts].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** Those that did not fail. */
function* finishedCalls(log: string): Iterable<{ readonly name: string; readonly words: string }> {
  const begun = new Map<string, string>();
  for (const line of log.split("\n")) {
    const [, pid = "", rest = ""] = /^(\d+)\s+(.*)$/.exec(line) ?? [];
    const first = /^(.*) <unfinished \.\.\.>$/.exec(rest)?.[1];
    if (first !== undefined) {
      begun.set(pid, first);
      continue;
    }
    const last = /^<\.\.\. [a-z0-9_]+ resumed>(.*)$/.exec(rest)?.[1];
    const whole = last === undefined ? rest : `${begun.get(pid) ?? ""}${last}`;
    const [, name, words = ""] = /^([a-z0-9_]+)\((.*)\) += (?:\d|0x)/.exec(whole) ?? [];
    if (name !== undefined) yield { name, words };
  }
}

/** strace on a process that runs, with its threads; what it starts is let go as it becomes another program. */
export class SystemCallWatch implements AsyncDisposable {
  readonly #strace: Bun.Subprocess;
  readonly #log: string;
  #from = 0;

  private constructor(strace: Bun.Subprocess, log: string) {
    this.#strace = strace;
    this.#log = log;
  }

  /** @param folder For its log. */
  static async open(pid: number, folder: string): Promise<SystemCallWatch> {
    const log = join(folder, "strace.log");
    const errors = openSync(join(folder, "strace.errors"), "w");
    const strace = Bun.spawn(
      [
        ...["strace", "-f", "-y", "-b", "execve", "-s", "0", "-o", log, "-p", String(pid)],
        ...[
          "-e",
          "signal=none",
          "-e",
          `trace=${[...COUNTED, "fcntl"].map((name) => `?${name}`).join(",")}`,
        ],
      ],
      { stdin: "ignore", stdout: "ignore", stderr: errors },
    );
    closeSync(errors);
    const isAttached = (): boolean =>
      /^TracerPid:\s+[1-9]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
    while (!isAttached()) {
      if (strace.exitCode !== null) {
        throw new Error(`strace: ${readFileSync(join(folder, "strace.errors"), "utf8")}`);
      }
      await Bun.sleep(10);
    }
    return new SystemCallWatch(strace, log);
  }

  /** Waits until nothing counted has happened for a second, at most twenty. */
  async settle(): Promise<void> {
    let size = -1;
    for (let seconds = 0; seconds < 20 && size !== this.#size(); seconds += 1) {
      size = this.#size();
      await Bun.sleep(1000);
    }
  }

  /** What has happened since it was asked last, or since the beginning. */
  take(): Counts {
    const bytes = readFileSync(this.#log);
    const counts = countCalls(bytes.subarray(this.#from).toString("utf8"));
    this.#from = bytes.length;
    return counts;
  }

  #size(): number {
    return statSync(this.#log, { throwIfNoEntry: false })?.size ?? 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#strace.kill("SIGINT");
    await this.#strace.exited;
  }
}
