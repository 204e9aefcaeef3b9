import { InvalidArgumentError } from "#base/errors.ts";
import { type BuildValues, callOf } from "#cli/image/building/flags.ts";

/** @throws {InvalidArgumentError} `--debug` with what leaves no place for a shell. */
export function checkDebug(flags: BuildValues, context: string, isClassic: boolean): void {
  if (flags.debug === undefined) return;
  const reason = refusal(flags, context, isClassic);
  if (reason !== undefined) throw new InvalidArgumentError(`Cannot build with --debug: ${reason}`);
}

function refusal(flags: BuildValues, context: string, isClassic: boolean): string | undefined {
  if (isClassic)
    return "it needs BuildKit, which the engine has not or DOCKER_BUILDKIT=0 turns off";
  if (flags.why) return "--why is for a build that nobody looks into";
  if (callOf(flags).method !== "build") return "--check and --call build nothing";
  if (context === "-" || flags.file === "-") {
    return "the shell needs standard input, which the build reads; name a folder";
  }
  const writesOut = flags.output.some((text) => text === "-" || /(?:^|,)dest=-(?:,|$)/.test(text));
  return writesOut ? "the shell needs standard output, which the result goes to" : undefined;
}
