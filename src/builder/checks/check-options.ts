import { InvalidArgumentError } from "#base/errors.ts";
import { CHECK_RULES, type CheckName } from "./rules.ts";

/** What `# check=` at the top of a Dockerfile, or the build argument in its place, asks for. */
export interface CheckOptions {
  /** Rules that are passed over. */
  readonly skipped: "all" | ReadonlySet<string>;
  /** Experimental rules that are minded too. */
  readonly experimental: "all" | ReadonlySet<string>;
  /** A warning ends the build. */
  readonly failsBuild: boolean;
}

/** Build argument that stands for the directive. */
export const CHECK_ARGUMENT = "BUILDKIT_DOCKERFILE_CHECK";

const MOST_OPTIONS = 3;
const TRUE: ReadonlySet<string> = new Set(["1", "t", "T", "TRUE", "true", "True"]);
const FALSE: ReadonlySet<string> = new Set(["0", "f", "F", "FALSE", "false", "False"]);

/**
 * Reads `skip=all;error=true;experimental=RULE,RULE`.
 *
 * @throws {InvalidArgumentError} With BuildKit's words.
 */
export function parseCheckOptions(text: string): CheckOptions {
  let skipped: CheckOptions["skipped"] = new Set();
  let experimental: CheckOptions["experimental"] = new Set();
  let failsBuild = false;
  if (text.trim() === "") return { skipped, experimental, failsBuild };
  const parts = text.split(";");
  const last = parts.slice(MOST_OPTIONS - 1).join(";");
  for (const part of parts.length > MOST_OPTIONS
    ? [...parts.slice(0, MOST_OPTIONS - 1), last]
    : parts) {
    const at = part.indexOf("=");
    if (at < 0) throw refused(`invalid check option ${JSON.stringify(part)}`);
    const name = part.slice(0, at).trim();
    const value = part.slice(at + 1).trim();
    switch (name) {
      case "skip":
        skipped = rulesOf(value);
        break;
      case "experimental":
        experimental = rulesOf(value);
        break;
      case "error":
        if (!TRUE.has(value) && !FALSE.has(value)) {
          throw refused(
            `failed to parse check option ${JSON.stringify(part)}: strconv.ParseBool: parsing ${JSON.stringify(value)}: invalid syntax`,
          );
        }
        failsBuild = TRUE.has(value);
        break;
      default:
        throw refused(`invalid check option ${JSON.stringify(name)}`);
    }
  }
  return { skipped, experimental, failsBuild };
}

function rulesOf(value: string): "all" | ReadonlySet<string> {
  return value === "all" ? "all" : new Set(value.split(",").map((name) => name.trim()));
}

function refused(reason: string): InvalidArgumentError {
  return new InvalidArgumentError(`failed to parse check options: ${reason}`);
}

/** Whether these options want to hear of a rule. */
export function wants(options: CheckOptions, name: CheckName): boolean {
  const { skipped, experimental } = options;
  if (skipped === "all" || skipped.has(name)) return false;
  return (
    CHECK_RULES[name].isExperimental !== true || experimental === "all" || experimental.has(name)
  );
}
