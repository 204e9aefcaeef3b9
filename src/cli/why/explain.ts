import { constants } from "node:os";
import type { ContainerInspectResponse } from "@docker/node-sdk";
import { formatHumanDuration } from "#base/durations.ts";
import { formatBinarySize } from "#base/sizes.ts";
import type { WhyEvent, WhyFacts } from "./facts.ts";

/** One causal answer: what is, why, and what to do about it. */
export interface Explanation {
  /** `web exited with code 137, 12 minutes ago, 3 seconds after its start` */
  readonly state: string;
  /** The cause in one sentence; undefined when nothing is wrong. */
  readonly cause?: string;
  /** What the cause was read from. */
  readonly evidence: readonly string[];
  /** What is no longer as it was when the container was made or last ran. */
  readonly changed: readonly string[];
  /** Commands or settings that mend it. */
  readonly mend: readonly string[];
}

/** What a rule found; evidence and mend are empty where there is nothing to add. */
interface Finding {
  readonly cause: string;
  readonly evidence?: readonly string[];
  readonly mend?: readonly string[];
}

type State = NonNullable<ContainerInspectResponse["State"]>;

/** The facts with what the rules ask of them again and again. */
interface Case extends WhyFacts {
  readonly name: string;
  readonly state: State;
  readonly exitCode: number;
  /** Events since the last start, oldest first. */
  readonly lastRun: readonly WhyEvent[];
}

const SIGNAL_BASE = 128;

const SIGNAL_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(constants.signals).map(([name, number]) => [number, name]),
);

/** The first rule that knows the state wins; they go from the certain to the general. */
const EXIT_RULES: readonly ((one: Case) => Finding | undefined)[] = [
  failedStart,
  outOfMemory,
  ignoredStopSignal,
  stoppedOnRequest,
  failedHealth,
  notExecutable,
  crashed,
  signalledFromElsewhere,
  ownFault,
  finished,
];

/** Explains a container's state from what the engine knows. Pure. */
export function explain(facts: WhyFacts): Explanation {
  const one = toCase(facts);
  const finding = find(one);
  return {
    state: stateSentence(one),
    ...(finding ? { cause: finding.cause } : {}),
    evidence: finding?.evidence ?? [],
    changed: changes(one),
    mend: finding?.mend ?? [],
  };
}

function toCase(facts: WhyFacts): Case {
  const { container, events } = facts;
  const starts = events.findLastIndex((event) => event.action === "start");
  return {
    ...facts,
    name: (container.Name ?? "").replace(/^\//, ""),
    state: container.State ?? {},
    exitCode: container.State?.ExitCode ?? 0,
    lastRun: events.slice(Math.max(starts, 0)),
  };
}

function find(one: Case): Finding | undefined {
  switch (one.state.Status) {
    case "created":
      return failedStart(one) ?? neverStarted(one);
    case "running":
      return unhealthy(one) ?? restartedOften(one);
    case "paused":
      return {
        cause: "Its processes are frozen: somebody paused it",
        mend: [`wharf unpause ${one.name}`],
      };
    default:
      return EXIT_RULES.map((rule) => rule(one)).find((finding) => finding !== undefined);
  }
}

function stateSentence({ name, state, nowMs, exitCode, container }: Case): string {
  const since = (time: string | null | undefined): string =>
    formatHumanDuration(nowMs - Date.parse(time ?? "")).toLowerCase();
  const ago = (time: string | null | undefined): string => `${since(time)} ago`;
  const health = state.Health?.Status;
  const isChecked = health !== undefined && health !== "none";
  switch (state.Status) {
    case "created":
      return `${name} was created ${ago(container.Created)} and has not run`;
    case "running":
      return `${name} has run for ${since(state.StartedAt)}${isChecked ? ` and is ${health}` : ""}`;
    case "paused":
      return `${name} is paused, started ${ago(state.StartedAt)}`;
    case "restarting":
      return `${name} exited with code ${exitCode} and waits to be restarted (${container.RestartCount ?? 0} times so far)`;
    default: {
      const ranMs = Date.parse(state.FinishedAt ?? "") - Date.parse(state.StartedAt ?? "");
      const ran = formatHumanDuration(Math.max(ranMs, 0)).toLowerCase();
      return `${name} exited with code ${exitCode} ${ago(state.FinishedAt)}, ${ran} after its start`;
    }
  }
}

function neverStarted({ name }: Case): Finding {
  return { cause: "Nobody has started it", mend: [`wharf start ${name}`] };
}

/** The engine or the runtime could not bring it up; its own words are the best cause. */
function failedStart({ state, exitCode, name }: Case): Finding | undefined {
  const error = state.Error ?? "";
  if (error === "") return undefined;
  const mend = [`${mendOf(error)}, then: wharf start ${name}`];
  return {
    cause: `It could not be started: ${error}`,
    evidence: exitCode === 0 ? [] : [`exit code ${exitCode}`],
    mend,
  };
}

function mendOf(startError: string): string {
  if (/port is already allocated|address already in use/.test(startError)) {
    return "free the port or publish another one (-p)";
  }
  if (/exec format error/.test(startError))
    return "install qemu-user-static, which emulates other machines";
  return "remove the reason";
}

function outOfMemory({ state, container, name }: Case): Finding | undefined {
  if (state.OOMKilled !== true) return undefined;
  const limitBytes = container.HostConfig?.Memory ?? 0;
  const cause =
    limitBytes > 0
      ? `The kernel killed it because it wanted more than its limit of ${formatBinarySize(limitBytes)} of memory`
      : "The kernel killed it because the host ran out of memory; the container has no limit of its own";
  const mend =
    limitBytes > 0
      ? [`wharf update --memory ${limitBytes * 2} --memory-swap ${limitBytes * 2} ${name}`]
      : ["give the containers of this host memory limits (--memory)"];
  return { cause, evidence: ["State.OOMKilled is true"], mend };
}

function signalOf(event: WhyEvent): number {
  return Number(event.attributes["signal"] ?? "0");
}

/** `stop` asked, waited, and had to kill. */
function ignoredStopSignal({ lastRun, container, name }: Case): Finding | undefined {
  const kills = lastRun.filter((event) => event.action === "kill");
  const asked = kills.find((event) => signalOf(event) !== constants.signals.SIGKILL);
  const killed = kills.find((event) => signalOf(event) === constants.signals.SIGKILL);
  const isStop = lastRun.some((event) => event.action === "stop");
  if (!isStop || !asked || !killed || killed.timeMs < asked.timeMs) return undefined;
  const seconds = Math.round((killed.timeMs - asked.timeMs) / 1000);
  const signal = SIGNAL_NAMES.get(signalOf(asked)) ?? String(signalOf(asked));
  return {
    cause: `It was stopped, and "${container.Path ?? ""}" did not end on ${signal}: after ${seconds} seconds it was killed`,
    evidence: [`events: kill signal=${signalOf(asked)}, then kill signal=9`],
    mend: [
      "run it with --init, which passes signals on and gives them their usual effect",
      `or name the signal that it obeys: --stop-signal; or wait longer: wharf stop -t SECONDS ${name}`,
    ],
  };
}

function stoppedOnRequest({ lastRun, name, exitCode }: Case): Finding | undefined {
  const kill = lastRun.find((event) => event.action === "kill");
  if (!kill) return undefined;
  const isStop = lastRun.some((event) => event.action === "stop");
  const signal = SIGNAL_NAMES.get(signalOf(kill)) ?? `signal ${signalOf(kill)}`;
  return {
    cause: isStop ? `A client stopped it (${signal})` : `A client sent it ${signal} (wharf kill)`,
    evidence: [`exit code ${exitCode}`, `event: kill signal=${signalOf(kill)}`],
    mend: [`wharf start ${name}`],
  };
}

/** The engine itself ended it, as `--health-on-failure` says. */
function failedHealth({ lastRun }: Case): Finding | undefined {
  const status = lastRun.findLast((event) => event.action.startsWith("health_status"));
  if (status?.action !== "health_status: unhealthy") return undefined;
  return {
    cause: "Its health check failed, and it ended afterwards",
    evidence: ["event: health_status: unhealthy"],
  };
}

function notExecutable({ exitCode, container }: Case): Finding | undefined {
  const program = JSON.stringify(container.Path ?? "");
  if (exitCode === 127) {
    return {
      cause: `A command was not found: ${program} or one that it calls`,
      evidence: ["exit code 127"],
      mend: ["look at the image's files: wharf debug, or another command with wharf run"],
    };
  }
  if (exitCode !== 126) return undefined;
  return {
    cause: `A command could not be executed: ${program} or one that it calls`,
    evidence: ["exit code 126: no permission to execute, a folder, or built for another machine"],
    mend: ["chmod +x in the image, or compare the image's platform with the host's"],
  };
}

const CRASHES: ReadonlyMap<number, string> = new Map([
  [constants.signals.SIGSEGV, "it used memory that is not its own (segmentation fault)"],
  [constants.signals.SIGBUS, "it used memory that is not there (bus error)"],
  [constants.signals.SIGILL, "it met an instruction that this processor does not know"],
  [constants.signals.SIGABRT, "it aborted itself, usually after an assertion failed"],
  [constants.signals.SIGFPE, "it made an arithmetic error, such as a division by zero"],
  [constants.signals.SIGSYS, "it made a system call that its seccomp profile forbids"],
  [constants.signals.SIGXFSZ, "it wrote beyond its file size limit (--ulimit fsize)"],
]);

function crashed({ exitCode }: Case): Finding | undefined {
  const signal = exitCode - SIGNAL_BASE;
  const how = CRASHES.get(signal);
  if (how === undefined) return undefined;
  return {
    cause: `The program crashed: ${how}`,
    evidence: [`exit code ${exitCode} is ${SIGNAL_BASE} + ${signal} (${SIGNAL_NAMES.get(signal)})`],
  };
}

function signalledFromElsewhere({ exitCode }: Case): Finding | undefined {
  const signal = exitCode - SIGNAL_BASE;
  const name = SIGNAL_NAMES.get(signal);
  if (signal <= 0 || name === undefined) return undefined;
  return {
    cause: `It ended by ${name}, which no client of the engine sent: a process inside or on the host did`,
    evidence: [`exit code ${exitCode} is ${SIGNAL_BASE} + ${signal}`],
    mend:
      signal === constants.signals.SIGKILL
        ? ["look for the host's own out-of-memory killer: dmesg | grep -i 'killed process'"]
        : [],
  };
}

function ownFault({ exitCode, lastLines }: Case): Finding | undefined {
  if (exitCode === 0) return undefined;
  const said = lastLines?.at(-1);
  return {
    cause:
      said === undefined
        ? `The program ended itself with code ${exitCode} and wrote nothing`
        : `The program ended itself with code ${exitCode}; its last line: ${said}`,
    evidence: [`exit code ${exitCode}`],
  };
}

function finished({ container, name }: Case): Finding {
  const command = [container.Path ?? "", ...(container.Args ?? [])].join(" ");
  return {
    cause: `Its command ended by itself, without an error: ${command}`,
    evidence: ["exit code 0"],
    mend: [
      "a container lives as long as its first process: keep that one in the foreground",
      `or have it run again: wharf update --restart always ${name}`,
    ],
  };
}

function unhealthy({ state, name }: Case): Finding | undefined {
  const health = state.Health;
  if (health?.Status !== "unhealthy") return undefined;
  const last = health.Log?.at(-1);
  const said = (last?.Output ?? "").trim().split("\n").at(-1) ?? "";
  return {
    cause: `Its health check has failed ${health.FailingStreak ?? 0} times in a row${said === "" ? "" : `: ${said}`}`,
    evidence: last === undefined ? [] : [`the last check ended with code ${last.ExitCode ?? 0}`],
    mend: [`run the check by hand: wharf exec ${name} …`],
  };
}

function restartedOften({ container, events, state }: Case): Finding | undefined {
  const count = container.RestartCount ?? 0;
  if (count === 0) return undefined;
  const codes = events
    .filter((event) => event.action === "die")
    .map((event) => event.attributes["exitCode"] ?? "?");
  return {
    cause: `It runs, after ${count} restarts by its policy "${container.HostConfig?.RestartPolicy?.Name ?? ""}"`,
    evidence: [
      ...(codes.length > 0 ? [`exit codes before: ${codes.slice(-5).join(", ")}`] : []),
      `running since ${state.StartedAt ?? ""}`,
    ],
  };
}

function changes({ container, imageNow, events }: Case): readonly string[] {
  const image = container.Config?.Image ?? "";
  const lines: string[] = [];
  if (imageNow === undefined) {
    lines.push(`the image name ${image} means nothing on this engine any more`);
  } else if (imageNow.id !== container.Image) {
    lines.push(`${image} is another image now: the container still has the one it was made from`);
  }
  if (events.some((event) => event.action === "update")) {
    lines.push("its limits or restart policy were updated while the engine ran");
  }
  if (events.some((event) => event.action === "rename")) lines.push("it was renamed");
  return lines;
}
