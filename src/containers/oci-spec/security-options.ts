import { FailedPreconditionError, InvalidArgumentError } from "#base/errors.ts";

/** What security modules the host has. */
export interface SecurityModules {
  readonly seccomp: boolean;
  readonly apparmor: boolean;
  readonly selinux: boolean;
}

/** `--security-opt`, taken apart. */
export interface SecurityOptions {
  readonly noNewPrivileges: boolean;
  /** Absent for the default; `unconfined`; else a profile's JSON text. */
  readonly seccomp?: string;
  /** Absent for the default. Without effect where the host has no AppArmor. */
  readonly apparmor?: string;
  readonly writableCgroups: boolean;
}

/**
 * @param options `no-new-privileges[:true|false]`, `seccomp=…`, `apparmor=…`, `label=…`, with `=` or `:`.
 * @param host.isNoNewPrivilegesDefault What holds where no option says.
 * @throws {InvalidArgumentError} `invalid --security-opt 2: "…"`. {FailedPreconditionError} A seccomp
 *   profile on a host without seccomp.
 */
export function parseSecurityOptions(
  options: readonly string[],
  host: { readonly hasSeccomp: boolean; readonly isNoNewPrivilegesDefault: boolean },
): SecurityOptions {
  let parsed: SecurityOptions = {
    noNewPrivileges: host.isNoNewPrivilegesDefault,
    writableCgroups: false,
  };
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
        parsed = { ...parsed, apparmor: value };
        break;
      case "label":
        break; // the engine labels nothing, as dockerd without --selinux-enabled
      default:
        throw new InvalidArgumentError(`invalid --security-opt 2: ${JSON.stringify(option)}`);
    }
  }
  return parsed;
}

/** Options that this host leaves without effect, which Docker does without a word. */
export function securityWarnings(
  options: readonly string[],
  modules: SecurityModules,
): readonly string[] {
  return options.flatMap((option): string[] => {
    const [key, value] = split(option);
    if (key === "apparmor" && value !== "unconfined" && !modules.apparmor) {
      return [`The AppArmor profile ${value} is not applied: this host has no AppArmor`];
    }
    if (key === "label" && value !== "disable") {
      return [`The label ${value} is not applied: the engine sets no SELinux labels`];
    }
    return [];
  });
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
