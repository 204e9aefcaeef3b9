import type { Cli } from "#cli/cli.ts";
import type { GroupFlags } from "#cli/command/command.ts";
import { ExitError } from "#cli/command/exit-error.ts";
import type { ProgressMode } from "#cli/image/building/flags.ts";
import type { Output } from "#cli/output/streams.ts";
import { textFlag } from "#cli/compose/project/group-flags.ts";
import type { ProgressEvent } from "#compose/act/progress.ts";
import { ansiChoice } from "./ansi.ts";
import { LiveList } from "./live-list.ts";
import { idOf, isWorking, plainLine, type Progress } from "./progress-lines.ts";

const STYLES = ["auto", "tty", "plain", "json", "quiet"] as const;

/** @throws {ExitError} There is no such style. */
function styleOf(cli: Cli, flags: GroupFlags): (typeof STYLES)[number] {
  const asked = textFlag(flags, "progress") ?? (cli.env["COMPOSE_PROGRESS"] || "auto");
  const found = STYLES.find((style) => style === asked);
  if (found) return found;
  throw new ExitError(
    `unsupported --progress value ${JSON.stringify(asked)}: want ${STYLES.join(", ")}`,
    1,
  );
}

/** How the steps of builds are shown, on stdout. */
export function stepsMode(cli: Cli, flags: GroupFlags): ProgressMode {
  const style = styleOf(cli, flags);
  if (style === "json") return "rawjson";
  return style === "auto" && ansiChoice(cli, flags) === "never" ? "plain" : style;
}

/** How what goes on is shown, on stderr: a list that moves on a terminal, a line a change else. */
export function openProgress(cli: Cli, flags: GroupFlags, isDryRun: boolean): Progress {
  const asked = styleOf(cli, flags);
  const output = cli.env["COMPOSE_STATUS_STDOUT"] === "1" ? cli.output : cli.errors;
  const mayMove = ansiChoice(cli, flags) !== "never" && output.isTerminal;
  const isLive = asked === "tty" || (asked === "auto" && mayMove);
  const prefix = isDryRun ? " DRY-RUN MODE - " : "";
  if (asked === "quiet") return lines(() => {});
  if (asked === "json") return lines((event) => writeJson(output, event));
  if (isLive && !isDryRun) return new LiveList(output, () => cli.now());
  return lines((event) => output.write(`${prefix}${plainLine(event)}\n`));
}

function lines(report: Progress["report"]): Progress {
  return { report, settle: () => {}, flow: () => {} };
}

function writeJson(output: Output, progress: ProgressEvent): void {
  const { status, parent } = progress;
  const event = {
    id: idOf(progress),
    ...(parent === undefined ? {} : { parent_id: parent }),
    status: isWorking(status) ? "Working" : "Done",
    text: status,
  };
  output.write(`${JSON.stringify(event)}\n`);
}
