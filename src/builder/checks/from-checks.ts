import { globalArguments } from "#builder/graph/global-arguments.ts";
import { expandWord, ExpansionError, type Variables } from "#builder/language/expand.ts";
import type { FromInstruction } from "#builder/language/instruction.ts";
import type { Dockerfile } from "#builder/language/stages.ts";
import type { Platform } from "#spec/platform.ts";
import { tryParseImageReference } from "#spec/reference.ts";
import type { CheckLog } from "./check-log.ts";
import { nearName } from "#builder/language/near-name.ts";

const TARGET_PLATFORM = /^\$(?:TARGETPLATFORM|\{TARGETPLATFORM\})$/;

/** What can be said of the FROM lines before their variables have the values of one build. */
export function checkFroms(
  file: Dockerfile,
  given: { readonly build: Platform; readonly target: Platform; readonly targetStage: string },
  log: CheckLog,
): void {
  const { escape } = file.directives;
  const defaults = globalArguments(file.globalArgs, { ...given, buildArgs: new Map(), escape });
  const declared = file.globalArgs.flatMap(({ args }) => args.map(({ name }) => name));
  const known = new Set([...defaults.keys(), ...declared]);
  for (const { from } of file.stages) {
    checkPlatform(from, log);
    const isExpandable = (text: string, variables: Variables): string | undefined => {
      try {
        return expandWord(text, {
          variables,
          escape,
          onName: (name, isSet) => {
            if (isSet || known.has(name)) return;
            const detail = `FROM argument '${name}' is not declared${nearName(name, known)}`;
            log.warn("UndefinedArgInFrom", from.range, detail);
          },
        });
      } catch (error) {
        if (error instanceof ExpansionError || error instanceof RangeError) return undefined;
        throw error; // those two are told by who builds
      }
    };
    isExpandable(from.platform, defaults);
    const base = isExpandable(from.base, defaults);
    if (base === from.base || base === undefined) continue;
    if (base !== "" && tryParseImageReference(base).ok) continue;
    const detail = `Default value for ARG ${from.base} results in empty or invalid base image name`;
    log.warn("InvalidDefaultArgInFrom", from.range, detail);
  }
}

function checkPlatform({ platform, name, range }: FromInstruction, log: CheckLog): void {
  if (platform === "") return;
  if (TARGET_PLATFORM.test(platform)) {
    const detail = `Setting platform to predefined ${platform} in FROM is redundant as this is the default behavior`;
    log.warn("RedundantTargetPlatform", range, detail);
    return;
  }
  if (platform.includes("$")) return;
  // a stage that is called by its platform is there for that one
  const [os = "", architecture = ""] = platform.split("/");
  if ([os, architecture].some((part) => part !== "" && name.includes(part.toLowerCase()))) return;
  const detail = `FROM --platform flag should not use constant value ${JSON.stringify(platform)}`;
  log.warn("FromPlatformFlagConstDisallowed", range, detail);
}
