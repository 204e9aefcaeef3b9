import { InvalidArgumentError } from "#base/errors.ts";
import { type Command, defineCommand, exactly } from "#cli/command/command.ts";
import { toBuildExit } from "./building/build-error.ts";
import { buildClassically } from "./building/classic.ts";
import { buildFlags, type BuildValues, callOf, parseProgress } from "./building/flags.ts";
import { checkDebug } from "./building/debug/check-debug.ts";
import { buildDebugging } from "./building/debug/debug-build.ts";
import { openBuildClient } from "./building/open-client.ts";
import { openView } from "./building/progress/open-view.ts";
import { imageIdOf, writeResults } from "./building/results.ts";
import { buildTellingWhy } from "./building/why/build-telling-why.ts";
import { planFor, runBuild } from "./building/run-build.ts";
import { runCall } from "./building/run-call.ts";
import { settingsOf } from "./building/settings.ts";

/** What buildx says when it is interrupted; the exit code is the signal's. */
const CANCELLED = "ERROR: failed to build: failed to solve: Canceled: context canceled\n";

export const command: Command = defineCommand({
  usage: "[OPTIONS] PATH | URL | -",
  args: exactly(1),
  completeArgs: ["files"],
  flags: buildFlags,
  async run(cli, { flags, args, isSet }) {
    const [context = ""] = args;
    // BuildKit has nothing that squashes
    const isClassic = cli.env["DOCKER_BUILDKIT"] === "0" || flags.squash;
    checkWhy(flags, isSet("format"), isClassic);
    checkDebug(flags, context, isClassic);
    if (isClassic) return await buildClassically(cli, flags, context);
    await using stack = new AsyncDisposableStack();
    try {
      const request = await planFor(cli, settingsOf(flags, context), stack);
      await using client = await openBuildClient(cli);
      if (!(await client.isThere())) {
        checkWhy(flags, isSet("format"), true);
        checkDebug(flags, context, true);
        return await buildClassically(cli, flags, context);
      }
      const asked = isSet("progress")
        ? flags.progress
        : parseProgress(cli.env["BUILDKIT_PROGRESS"] ?? "");
      const call = callOf(flags);
      // what is found is the answer: steps are shown where they are asked for
      const isQuiet = flags.quiet || (call.method !== "build" && !isSet("progress"));
      const view = openView(cli, isQuiet ? "quiet" : asked);
      if (call.method !== "build") return await runCall(cli, client, request, call, view);
      const tellsWarnings = !flags.quiet && !["none", "quiet", "rawjson"].includes(asked);
      const { debug: state, format } = flags;
      const building = flags.why
        ? buildTellingWhy(cli, client, request, view, { tellsWarnings, format })
        : state === undefined
          ? runBuild(cli, client, request, view, { tellsWarnings })
          : buildDebugging(cli, client, request, view, { tellsWarnings, state });
      const response = await building;
      writeResults(response, { iidFile: flags.iidfile, metadataFile: flags["metadata-file"] });
      if (flags.quiet) cli.output.write(`${imageIdOf(response)}\n`);
      return 0;
    } catch (error) {
      if (cli.interruption().aborted) cli.errors.write(CANCELLED);
      throw toBuildExit(error);
    }
  },
});

/** @throws {InvalidArgumentError} `--why` where nothing could be told, or its format without it. */
function checkWhy(flags: BuildValues, hasFormat: boolean, isClassic: boolean): void {
  if (hasFormat && !flags.why)
    throw new InvalidArgumentError("--format is for --why: give that too");
  if (!flags.why) return;
  if (isClassic)
    throw new InvalidArgumentError(
      "--why needs BuildKit: unset DOCKER_BUILDKIT, leave out --squash",
    );
  if (callOf(flags).method !== "build") {
    throw new InvalidArgumentError("--why is for a build, not for --check or --call");
  }
}
