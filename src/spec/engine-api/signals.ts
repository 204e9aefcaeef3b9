import { InvalidArgumentError } from "#base/errors.ts";

/** Signals of Linux by the names that Docker takes, for x86, ARM and RISC-V. */

const NUMBERS: ReadonlyMap<string, number> = new Map(
  (
    "HUP=1 INT=2 QUIT=3 ILL=4 TRAP=5 ABRT=6 IOT=6 BUS=7 FPE=8 KILL=9 USR1=10 SEGV=11 USR2=12 " +
    "PIPE=13 ALRM=14 TERM=15 STKFLT=16 CHLD=17 CLD=17 CONT=18 STOP=19 TSTP=20 TTIN=21 TTOU=22 " +
    "URG=23 XCPU=24 XFSZ=25 VTALRM=26 PROF=27 WINCH=28 IO=29 POLL=29 PWR=30 SYS=31 UNUSED=31"
  )
    .split(" ")
    .map((pair): [string, number] => {
      const [name = "", number] = pair.split("=");
      return [name, Number(number)];
    }),
);
// glibc keeps 32 and 33 for its threads
const RT_MIN = 34;
const RT_MAX = 64;

function signalNumber(text: string): number | undefined {
  if (/^[0-9]+$/.test(text)) {
    const number = Number(text);
    return number >= 1 && number <= RT_MAX ? number : undefined;
  }
  const name = text.toUpperCase().replace(/^SIG/, "");
  const known = NUMBERS.get(name);
  if (known !== undefined) return known;
  const realTime = /^RT(MIN|MAX)(?:([-+])([0-9]{1,2}))?$/.exec(name);
  if (!realTime) return undefined;
  const offset = Number(realTime[3] ?? 0);
  if (realTime[1] === "MIN" && realTime[2] !== "-" && offset <= 15) return RT_MIN + offset;
  if (realTime[1] === "MAX" && realTime[2] !== "+" && offset <= 14) return RT_MAX - offset;
  return undefined;
}

/**
 * Reads `SIGTERM`, `term`, `15`, `RTMIN+3`.
 *
 * @throws {InvalidArgumentError} `invalid signal: …`
 */
export function parseSignal(text: string): number {
  const number = signalNumber(text);
  if (number === undefined) throw new InvalidArgumentError(`invalid signal: ${text}`);
  return number;
}

/** `SIGTERM` for 15; a signal without a name is its number. */
export function signalName(number: number): string {
  for (const [name, value] of NUMBERS) if (value === number) return `SIG${name}`;
  if (number < RT_MIN || number > RT_MAX) return String(number);
  if (number === RT_MIN) return "SIGRTMIN";
  if (number === RT_MAX) return "SIGRTMAX";
  return number - RT_MIN <= 15 ? `SIGRTMIN+${number - RT_MIN}` : `SIGRTMAX-${RT_MAX - number}`;
}

/** Names for completion, without aliases and the real-time range. */
export function signalNames(): readonly string[] {
  return [...new Set(NUMBERS.values())].map(signalName);
}
