import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FakeFiles } from "#host/fake/files.ts";
import { FakeSockets } from "#host/fake/sockets.ts";
import { createLogs } from "#logs/drivers.ts";
import type { LoggedContainer, LogOptions, LogReadRequest, Logs } from "#logs/logs.ts";

const SECOND = 1_000_000_000n;
export const START: bigint = 1_700_000_000n * SECOND;
export const NEVER: AbortSignal = new AbortController().signal;
export const ALL: LogReadRequest = { stdout: true, stderr: true, follow: false };

/** A line as conmon writes it, `index` seconds after START. */
export function conmonLine(index: number, text: string, stream = "stdout", tag = "F"): string {
  const time = new Date(Number(START / 1_000_000n) + index * 1000).toISOString().slice(0, 19);
  return `${time}.000000000+00:00 ${stream} ${tag} ${text}\n`;
}

/** A container whose conmon is the test; its daemons come and go. */
export class SpooledContainer implements Disposable {
  readonly directory: string = mkdtempSync(join(tmpdir(), "wharf-logs-"));
  readonly files: FakeFiles = new FakeFiles();
  readonly warnings: string[] = [];
  readonly container: LoggedContainer;
  nowNanos: bigint = START + 1000n * SECOND;
  /** conmon reopens its file only when the test says so. */
  isSlow = false;
  holds = 0;
  #path: string;

  constructor(driver: string, options: LogOptions = {}, more: Partial<LoggedContainer> = {}) {
    this.#path = this.spoolPath;
    this.container = {
      id: "c".repeat(64),
      name: "web",
      directory: this.directory,
      imageId: `sha256:${"a".repeat(64)}`,
      imageName: "busybox:latest",
      command: ["sh", "-c", "true"],
      createdNanos: START,
      labels: {},
      env: [],
      driver,
      options,
      ...more,
    };
    writeFileSync(this.#path, "");
  }

  get spoolPath(): string {
    return join(this.directory, "container.log");
  }

  get logPath(): string {
    return join(this.directory, `${this.container.id}-json.log`);
  }

  openLogs(): Logs {
    return createLogs({
      files: this.files,
      clock: {
        nowNanos: () => this.nowNanos,
        delay: async (delayMs, signal) =>
          await Bun.sleep(Math.min(delayMs, 2)).then(() => signal?.throwIfAborted()),
      },
      sockets: new FakeSockets(),
      hostname: "host",
      pid: 42,
      randomBytes: (count) => new Uint8Array(count).fill(7),
      warn: (message) => void this.warnings.push(message),
    });
  }

  /** A daemon takes over the run. */
  follow(logs: Logs): void {
    logs.follow(this.container, {
      reopenLog: () => {
        if (!this.isSlow) this.reopen();
      },
      holdOutput: async () => {
        this.holds++;
        return { [Symbol.asyncDispose]: async () => void this.holds-- };
      },
    });
  }

  /** What conmon does when told to. */
  reopen(): void {
    writeFileSync(`${this.spoolPath}.tmp`, "");
    renameSync(`${this.spoolPath}.tmp`, this.spoolPath);
    this.#path = this.spoolPath;
  }

  /** conmon writes on in the file that it has open, whatever its name is now. */
  writeTo(path: string): void {
    this.#path = path;
  }

  write(text: string): void {
    appendFileSync(this.#path, text);
    this.files.change(this.spoolPath);
  }

  async read(logs: Logs, request: Partial<LogReadRequest> = {}): Promise<string> {
    let text = "";
    for await (const batch of logs.read(this.container, { ...ALL, ...request }, NEVER)) {
      text += batch.content.toString();
    }
    return text;
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true });
  }
}
