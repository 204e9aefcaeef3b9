import type { Cli } from "#cli/cli.ts";
import type { GroupFlags } from "#cli/command.ts";
import { ExitError } from "#cli/exit-error.ts";
import type { Output } from "#cli/output/streams.ts";
import { textFlag } from "#cli/compose/project/group-flags.ts";
import type { OnProgress, ProgressEvent } from "#compose/act/progress.ts";

export interface Progress {
  readonly report: OnProgress;
  /** The last state stays on the terminal. */
  end(): void;
}

const STYLES = ["auto", "tty", "plain", "json", "quiet"];
/** Words that say that something is still going on. */
const WORKING = /^(?!Running).*ing$|^Recreate$/;

/** How what goes on is shown, on stderr: a list that moves on a terminal, a line a change else. */
export function openProgress(cli: Cli, flags: GroupFlags, isDryRun: boolean): Progress {
  const asked = textFlag(flags, "progress") ?? (cli.env["COMPOSE_PROGRESS"] || "auto");
  if (!STYLES.includes(asked)) {
    throw new ExitError(
      `unsupported --progress value ${JSON.stringify(asked)}: want ${STYLES.join(", ")}`,
      1,
    );
  }
  const ansi = flags.values["no-ansi"] === true ? "never" : (textFlag(flags, "ansi") ?? "auto");
  const isAlways = ansi === "always" || (ansi === "auto" && cli.errors.isTerminal);
  const isLive = asked === "tty" || (asked === "auto" && isAlways && cli.errors.isTerminal);
  const prefix = isDryRun ? " DRY-RUN MODE - " : "";
  if (asked === "quiet") return { report: () => {}, end: () => {} };
  if (asked === "json") return { report: (event) => writeJson(cli.errors, event), end: () => {} };
  if (isLive && !isDryRun) return new LiveList(cli.errors);
  return {
    report: (event) => cli.errors.write(`${prefix}${plainLine(event)}\n`),
    end: () => {},
  };
}

/** docker compose's forms: what is about an image of a service, and what is about a thing. */
function plainLine({ kind, name, status }: ProgressEvent): string {
  if (kind === "Task") return ` ${name} ${status}`;
  return kind === "Service" ? ` ${name} ${status} ` : ` ${kind} ${name}  ${status}`;
}

/** What a thing is called in a list. */
function idOf({ kind, name }: ProgressEvent): string {
  return kind === "Service" || kind === "Task" ? name : `${kind} ${name}`;
}

function writeJson(output: Output, progress: ProgressEvent): void {
  const { status } = progress;
  const isDone = !WORKING.test(status);
  const event = { id: idOf(progress), status: isDone ? "Done" : "Working", text: status };
  output.write(`${JSON.stringify(event)}\n`);
}

/** One line a thing, written again as its state changes. */
class LiveList implements Progress {
  readonly #output: Output;
  readonly #lines = new Map<string, { readonly text: string; readonly isDone: boolean }>();
  #drawn = 0;

  constructor(output: Output) {
    this.#output = output;
  }

  readonly report = (event: ProgressEvent): void => {
    const { status } = event;
    this.#lines.set(idOf(event), { text: status, isDone: !WORKING.test(status) });
    this.#draw();
  };

  #draw(): void {
    const columns = this.#output.windowSize()?.columns ?? 80;
    const rows = (this.#output.windowSize()?.rows ?? 24) - 2;
    const all = [...this.#lines];
    const done = all.filter(([, { isDone }]) => isDone).length;
    // what is done leaves the list first where the terminal is too small for all
    const shown = all.length <= rows ? all : all.filter(([, { isDone }]) => !isDone).slice(0, rows);
    const width = Math.max(0, ...shown.map(([name]) => name.length));
    const lines = [
      `[+] ${done}/${all.length}`,
      ...shown.map(
        ([name, { text, isDone }]) => ` ${isDone ? "✔" : "⠿"} ${name.padEnd(width)}  ${text}`,
      ),
    ].map((line) => line.slice(0, columns - 1));
    const up = this.#drawn === 0 ? "" : `\u001b[${this.#drawn}A`;
    this.#output.write(`${up}\u001b[J${lines.join("\n")}\n`);
    this.#drawn = lines.length;
  }

  end(): void {
    this.#drawn = 0;
  }
}
