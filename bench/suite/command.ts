/** A command of the benchmark that takes longer is killed and counts as failed, unless it says otherwise. */
const TIMEOUT_MS = 300_000;

export interface CommandOptions {
  /** A file that it reads from. */
  readonly input?: Blob;
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

const CALM: Readonly<Record<string, string>> = {
  DOCKER_HOST: "",
  DOCKER_CONTEXT: "",
  NO_COLOR: "1",
  PODMAN_IGNORE_CGROUPSV1_WARNING: "1",
  WHARF_AUTOSTART: "0",
};

/**
 * Runs a program to its end.
 *
 * @returns What it printed, without the last line's end.
 * @throws {Error} With its last words, when it fails or takes more than its time, which is five minutes.
 */
export async function run(argv: readonly string[], options: CommandOptions = {}): Promise<string> {
  const child = Bun.spawn([...argv], {
    stdin: options.input ?? "ignore",
    stdout: "pipe",
    stderr: "pipe",
    env: { ...process.env, ...CALM, ...options.env },
    timeout: options.timeoutMs ?? TIMEOUT_MS,
    killSignal: "SIGKILL",
  });
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  if (code !== 0) throw new Error(`${briefly(argv)} exited ${code}: ${lastLines(stderr)}`);
  return stdout.trim();
}

/** Runs it on a terminal of its own, as a person does. */
export async function runOnTerminal(argv: readonly string[]): Promise<void> {
  let screen = "";
  const decoder = new TextDecoder();
  const child = Bun.spawn([...argv], {
    env: { ...process.env, ...CALM, TERM: "xterm" },
    terminal: {
      cols: 80,
      rows: 24,
      data: (_terminal, data) => {
        screen += decoder.decode(data, { stream: true });
      },
    },
    timeout: TIMEOUT_MS,
    killSignal: "SIGKILL",
  });
  const code = await child.exited;
  child.terminal?.close();
  if (code !== 0) throw new Error(`${argv.join(" ")} exited ${code}: ${lastLines(screen)}`);
}

/** Runs it with its output thrown away unread, as `> /dev/null` does. */
export async function runToNowhere(
  argv: readonly string[],
  options: CommandOptions = {},
): Promise<void> {
  const child = Bun.spawn([...argv], {
    stdin: options.input ?? "ignore",
    stdout: "ignore",
    stderr: "ignore",
    env: { ...process.env, ...CALM, ...options.env },
    timeout: TIMEOUT_MS,
    killSignal: "SIGKILL",
  });
  const code = await child.exited;
  if (code !== 0) throw new Error(`${argv.join(" ")} exited ${code}`);
}

/** Wall time of `work`, in milliseconds. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** A command may have hundreds of names. */
function briefly(argv: readonly string[]): string {
  const words = argv.slice(0, 12).join(" ");
  return argv.length > 12 ? `${words} …` : words;
}

/** What tells why: lines that speak of an error, else the last ones. */
function lastLines(text: string): string {
  const lines = text.trim().split("\n");
  const telling = lines.filter((line) => /error|failed|^[A-Z]{5,}:/i.test(line));
  return (telling.length > 0 ? telling : lines).slice(-3).join(" / ").slice(-600);
}
