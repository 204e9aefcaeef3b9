import { FailedPreconditionError, InvalidArgumentError } from "#base/errors.ts";

/** `--security-opt`, taken apart. */
export interface SecurityOptions {
  readonly noNewPrivileges: boolean;
  /** Absent for the default; `unconfined`; else a profile's JSON text. */
  readonly seccomp?: string;
  /** Absent for the default. */
  readonly apparmor?: string;
  readonly writableCgroups: boolean;
}

/**
 * @param options `no-new-privileges[:true|false]`, `seccomp=…`, `apparmor=…`, `label=…`, with `=` or `:`.
 * @throws {InvalidArgumentError} `invalid --security-opt 2: "…"`. {FailedPreconditionError} The host lacks
 *   the module that the option is about.
 */
export function parseSecurityOptions(
  options: readonly string[],
  host: { readonly hasSeccomp: boolean; readonly hasAppArmor: boolean },
): SecurityOptions {
  let parsed: SecurityOptions = { noNewPrivileges: false, writableCgroups: false };
  for (const option of options) {
    const [key, value] = split(option);
    switch (key) {
      case "no-new-privileges":
        parsed = { ...parsed, noNewPrivileges: parseSwitch(key, value) };
        break;
      case "writable-cgroups":
        parsed = { ...parsed, writableCgroups: parseSwitch(key, value) };
        break;
      case "seccomp":
        if (value !== "unconfined" && !host.hasSeccomp) {
          throw new FailedPreconditionError(
            "seccomp is not enabled in the kernel, cannot run with a seccomp profile",
          );
        }
        if (value !== "builtin") parsed = { ...parsed, seccomp: value };
        break;
      case "apparmor":
        if (value !== "unconfined" && !host.hasAppArmor) {
          throw new FailedPreconditionError(
            `cannot apply AppArmor profile ${value}: AppArmor is not enabled on this host`,
          );
        }
        parsed = { ...parsed, apparmor: value };
        break;
      case "label":
        if (value !== "disable") {
          throw new FailedPreconditionError(
            `cannot apply SELinux label ${value}: SELinux is not enabled on this host`,
          );
        }
        break;
      default:
        throw new InvalidArgumentError(`invalid --security-opt 2: ${JSON.stringify(option)}`);
    }
  }
  return parsed;
}

/** At the first `=`, or `:` where there is none: a profile's text may hold both. */
function split(option: string): readonly [key: string, value: string] {
  const at = option.includes("=") ? option.indexOf("=") : option.indexOf(":");
  return at < 0 ? [option, ""] : [option.slice(0, at), option.slice(at + 1)];
}

function parseSwitch(key: string, value: string): boolean {
  if (["", "true", "1", "t", "T", "TRUE", "True"].includes(value)) return true;
  if (["false", "0", "f", "F", "FALSE", "False"].includes(value)) return false;
  throw new InvalidArgumentError(`invalid --security-opt 2: "${key}=${value}"`);
}
