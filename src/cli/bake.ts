import { readFileSync } from "node:fs";
import { DefinitionError, excerptOf } from "#bake/hcl/source.ts";
import { listTargets, listVariables } from "#bake/targets/lists.ts";
import { printTargets } from "#bake/targets/print.ts";
import { isRemote, type Resolved } from "#bake/targets/resolve.ts";
import { InvalidArgumentError, PermissionDeniedError, UnsupportedError } from "#base/errors.ts";
import { buildTargets, writeBakeMetadata } from "./bake/build-targets.ts";
import { callTargets } from "./bake/call-targets.ts";
import { missingEntitlements, missingText } from "./bake/entitlements.ts";
import { bakeFlags, type BakeFlags, parseList } from "./bake/flags.ts";
import { type BakeRequest, openDefinition, placeTargets, planTargets } from "./bake/plan.ts";
import { openRemote } from "./bake/remote-definition.ts";
import type { Cli } from "./cli.ts";
import { atLeast, type Command, defineCommand } from "#cli/command/command.ts";
import { toBuildExit } from "./image/building/build-error.ts";
import { callOf, parseProgress } from "./image/building/flags.ts";
import { openBuildClient } from "./image/building/open-client.ts";
import { openView } from "./image/building/progress/open-view.ts";
import { shown } from "./image/building/run-build.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS] [TARGET...]",
  args: atLeast(0),
  flags: bakeFlags,
  async run(cli, { flags, args, isSet }) {
    const listed = flags.list !== "" ? flags.list : shortList(flags);
    if (flags.print && listed !== "") {
      throw new InvalidArgumentError("--print and --list are mutually exclusive");
    }
    if (flags.policy.length > 0) {
      throw new UnsupportedError("Cannot bake with --policy: there is no evaluation of policies");
    }
    const { url, commandContext, names } = placesOf(args);
    return await tellingPlaces(cli, async () => {
      const request: BakeRequest = {
        flags,
        isSet,
        names,
        commandContext,
        remote: url === undefined ? undefined : await openRemote(url, cli.env, cli.interruption()),
        env: cli.env,
        directory: process.cwd(),
        readStandardInput: () => readFileSync(0, "utf8"),
        warn: (message) => cli.errors.write(`WARNING: ${message}\n`),
      };
      const definition = openDefinition(request);
      if (listed !== "") {
        const { type, format } = parseList(listed);
        const list = type === "targets" ? listTargets : listVariables;
        cli.output.write(list(definition, format));
        return 0;
      }
      const resolved = planTargets(definition, request);
      if (flags.print) {
        cli.output.write(printTargets(placeTargets(resolved, request, "show")));
        return 0;
      }
      const placed = placeTargets(resolved, request, "build");
      const missing = missingEntitlements(placed, {
        allow: flags.allow,
        given: flags.set,
        directory: request.directory,
        ...(request.remote?.kind === "tree" ? { checkout: request.remote.folder } : {}),
      });
      if (missing.length > 0) {
        cli.errors.write(missingText(missing, args));
        throw new PermissionDeniedError("additional privileges requested");
      }
      return await carryOut(cli, placed, request);
    });
  },
});

/** `[URL [CONTEXT-URL]] [TARGET...]` */
function placesOf(args: readonly string[]): {
  readonly url?: string;
  readonly commandContext?: string;
  readonly names: readonly string[];
} {
  const [url, context, ...rest] = args;
  if (url === undefined || !isRemote(url)) return { names: args };
  if (context === undefined || !isRemote(context)) return { url, names: args.slice(1) };
  return { url, commandContext: context, names: rest };
}

/** What the older spellings of `--list` mean. */
function shortList(flags: BakeFlags): string {
  if (flags["list-targets"]) return "targets";
  return flags["list-variables"] ? "variables" : "";
}

async function carryOut(cli: Cli, resolved: Resolved, request: BakeRequest): Promise<number> {
  const { flags, isSet } = request;
  const call = callOf(flags);
  const asked = isSet("progress")
    ? flags.progress
    : parseProgress(cli.env["BUILDKIT_PROGRESS"] ?? "");
  await using client = await openBuildClient(cli);
  try {
    if (!(await client.isThere())) {
      throw new UnsupportedError("Cannot bake: the engine has no BuildKit");
    }
    if (call.method !== "build") return await callTargets(cli, client, resolved, call);
    const view = openView(cli, asked);
    const built = await shown(view, () => buildTargets(cli, client, resolved, view));
    if (flags["metadata-file"] !== "") writeBakeMetadata(flags["metadata-file"], built);
    return 0;
  } catch (error) {
    throw toBuildExit(error);
  }
}

/** The lines around a fault are shown before the message. */
async function tellingPlaces(cli: Cli, work: () => Promise<number>): Promise<number> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof DefinitionError) cli.errors.write(`${excerptOf(error.range)}\n`);
    throw error;
  }
}
