import { InvalidArgumentError } from "#base/errors.ts";
import type { Seccomp, SeccompAction, SeccompArgument } from "#spec/oci-runtime.ts";

/** Which containers a rule is for. */
interface SeccompFilter {
  readonly caps?: readonly string[];
  readonly arches?: readonly string[];
  /** `4.8` */
  readonly minKernel?: string;
}

/** A profile in Docker's format: rules that depend on capabilities, architecture and kernel. */
export interface SeccompProfile {
  readonly defaultAction: SeccompAction;
  readonly defaultErrnoRet?: number;
  readonly architectures?: readonly string[];
  readonly archMap?: readonly {
    readonly architecture: string;
    readonly subArchitectures?: readonly string[] | null;
  }[];
  readonly flags?: readonly string[];
  readonly syscalls?: readonly {
    readonly name?: string;
    readonly names?: readonly string[];
    readonly action: SeccompAction;
    readonly errnoRet?: number;
    readonly args?: readonly SeccompArgument[] | null;
    readonly includes?: SeccompFilter;
    readonly excludes?: SeccompFilter;
  }[];
}

export interface SeccompSituation {
  readonly capabilities: readonly string[];
  /** GOARCH's word: `amd64`. */
  readonly architecture: string;
  readonly kernelRelease: string;
}

const ARCHITECTURES: Readonly<Record<string, string>> = {
  amd64: "SCMP_ARCH_X86_64",
  arm64: "SCMP_ARCH_AARCH64",
  arm: "SCMP_ARCH_ARM",
  "386": "SCMP_ARCH_X86",
  ppc64le: "SCMP_ARCH_PPC64LE",
  s390x: "SCMP_ARCH_S390X",
  riscv64: "SCMP_ARCH_RISCV64",
};

/**
 * Reads a profile that a user or the distribution wrote.
 *
 * @throws {InvalidArgumentError} "Decoding seccomp profile failed: …", where it is none.
 */
export function parseSeccompProfile(text: string): SeccompProfile {
  let profile: unknown;
  try {
    profile = JSON.parse(text);
  } catch (error) {
    throw new InvalidArgumentError(
      `Decoding seccomp profile failed: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  if (typeof profile !== "object" || profile === null || !("defaultAction" in profile)) {
    throw new InvalidArgumentError("Decoding seccomp profile failed: it has no defaultAction");
  }
  return profile as SeccompProfile; // the runtime refuses what else is wrong, by name
}

/** The rules of `profile` that apply in `situation`, as the OCI runtime takes them. */
export function planSeccomp(profile: SeccompProfile, situation: SeccompSituation): Seccomp {
  const native = ARCHITECTURES[situation.architecture];
  const mapped = profile.archMap?.find((entry) => entry.architecture === native);
  const architectures = mapped
    ? [mapped.architecture, ...(mapped.subArchitectures ?? [])]
    : profile.architectures;
  return {
    defaultAction: profile.defaultAction,
    ...(profile.defaultErrnoRet === undefined ? {} : { defaultErrnoRet: profile.defaultErrnoRet }),
    ...(architectures ? { architectures } : {}),
    ...(profile.flags ? { flags: profile.flags } : {}),
    syscalls: (profile.syscalls ?? [])
      .filter(
        (rule) => isIncluded(rule.includes, situation) && !isExcluded(rule.excludes, situation),
      )
      .map((rule) => ({
        names: rule.names ?? (rule.name === undefined ? [] : [rule.name]),
        action: rule.action,
        ...(rule.errnoRet === undefined ? {} : { errnoRet: rule.errnoRet }),
        ...(rule.args && rule.args.length > 0 ? { args: rule.args } : {}),
      })),
  };
}

/** All conditions of `includes` must hold. */
function isIncluded(filter: SeccompFilter | undefined, situation: SeccompSituation): boolean {
  const { caps, arches, minKernel } = filter ?? {};
  if (caps?.some((name) => !situation.capabilities.includes(name))) return false;
  if (arches && arches.length > 0 && !arches.includes(situation.architecture)) return false;
  return !minKernel || isAtLeast(situation.kernelRelease, minKernel);
}

/** Any condition of `excludes` is enough. */
function isExcluded(filter: SeccompFilter | undefined, situation: SeccompSituation): boolean {
  const { caps, arches, minKernel } = filter ?? {};
  if (caps?.some((name) => situation.capabilities.includes(name))) return true;
  if (arches?.includes(situation.architecture)) return true;
  return Boolean(minKernel) && isAtLeast(situation.kernelRelease, minKernel ?? "");
}

/** Whether a kernel of `release` has what came with `wanted`, such as `4.8`. */
export function isAtLeast(release: string, wanted: string): boolean {
  const [major = 0, minor = 0] = release.split(".").map((part) => Number.parseInt(part, 10));
  const [wantedMajor = 0, wantedMinor = 0] = wanted.split(".").map(Number);
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
}
