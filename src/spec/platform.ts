import { InvalidArgumentError } from "#base/errors.ts";

/** Operating system and processor in the words of Go and OCI, normalised. */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  /** `v7` and the like; absent where the architecture's default is meant. */
  readonly variant?: string;
  /** Only on Windows. */
  readonly osVersion?: string;
}

const COMPONENT_PATTERN = "^[A-Za-z0-9_.-]+$";
const COMPONENT: RegExp = new RegExp(COMPONENT_PATTERN);
const KNOWN_OS: ReadonlySet<string> = new Set(
  (
    "aix android darwin dragonfly freebsd hurd illumos ios js linux nacl netbsd openbsd plan9 " +
    "solaris windows zos"
  ).split(" "),
);
const KNOWN_ARCHITECTURES: ReadonlySet<string> = new Set(
  (
    "386 amd64 amd64p32 arm armbe arm64 arm64be ppc64 ppc64le loong64 mips mipsle mips64 mips64le " +
    "mips64p32 mips64p32le ppc riscv riscv64 s390 s390x sparc sparc64 wasm"
  ).split(" "),
);

function platform(os: string, architecture: string, variant: string): Platform {
  return variant === "" ? { os, architecture } : { os, architecture, variant };
}

function normaliseOs(os: string): string {
  const lower = os.toLowerCase();
  return lower === "macos" ? "darwin" : lower;
}

function normaliseArchitecture(architecture: string, variant: string): readonly [string, string] {
  const arch = architecture.toLowerCase();
  const level = variant.toLowerCase();
  switch (arch) {
    case "i386":
      return ["386", ""];
    case "x86_64":
    case "x86-64":
    case "amd64":
      return ["amd64", level === "v1" ? "" : level];
    case "aarch64":
    case "arm64":
      return ["arm64", level === "8" || level === "v8" || level === "v8.0" ? "" : level];
    case "armhf":
      return ["arm", "v7"];
    case "armel":
      return ["arm", "v6"];
    case "arm":
      if (level === "" || level === "7") return ["arm", "v7"];
      return ["arm", /^[568]$/.test(level) ? `v${level}` : level];
    default:
      return [arch, level];
  }
}

/** Brings aliases (`x86_64`, `aarch64`, `macos`) and default variants to one form. */
export function normalisePlatform(raw: {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string | undefined;
  readonly osVersion?: string | undefined;
}): Platform {
  const [architecture, variant] = normaliseArchitecture(raw.architecture, raw.variant ?? "");
  const plain = platform(normaliseOs(raw.os), architecture, variant);
  return raw.osVersion ? { ...plain, osVersion: raw.osVersion } : plain;
}

/**
 * Parses `os`, `arch`, `os/arch` or `os/arch/variant`; what is missing comes from `host`.
 *
 * @throws {InvalidArgumentError} With containerd's text.
 */
export function parsePlatform(text: string, host: Platform): Platform {
  const parts = text.split("/");
  for (const part of parts) {
    // `os(version)` is Windows' alone
    if (!COMPONENT.test(part)) {
      throw new InvalidArgumentError(
        `${JSON.stringify(part)} is an invalid component of ${JSON.stringify(text)}: ` +
          `platform specifier component must match "${COMPONENT_PATTERN}": invalid argument`,
      );
    }
  }
  const [first = "", architecture, variant = "", ...rest] = parts;
  if (rest.length > 0) {
    throw new InvalidArgumentError(
      `${JSON.stringify(text)}: cannot parse platform specifier: invalid argument`,
    );
  }
  if (architecture !== undefined) return normalisePlatform({ os: first, architecture, variant });
  const os = normaliseOs(first);
  if (KNOWN_OS.has(os)) {
    return os === host.os ? host : normalisePlatform({ ...host, os });
  }
  const [arch, level] = normaliseArchitecture(first, "");
  if (KNOWN_ARCHITECTURES.has(arch)) return platform(host.os, arch, level);
  throw new InvalidArgumentError(
    `${JSON.stringify(text)}: unknown operating system or architecture: invalid argument`,
  );
}

export function formatPlatform(value: Platform): string {
  const variant = value.variant === undefined ? "" : `/${value.variant}`;
  return `${value.os}/${value.architecture}${variant}`;
}

/**
 * Platform of this machine.
 *
 * @param machine `uname -m`: `x86_64`, `aarch64`, `armv7l`, …
 * @param system `uname -s`: `Linux`, …
 */
export function hostPlatform(system: string, machine: string): Platform {
  const arm = /^arm(v[5-8])/.exec(machine);
  if (arm) return normalisePlatform({ os: system, architecture: "arm", variant: arm[1] });
  const byMachine: Readonly<Record<string, string>> = { i686: "386", i586: "386", i486: "386" };
  return normalisePlatform({ os: system, architecture: byMachine[machine] ?? machine });
}

/** The same platform after normalisation. */
export function isSamePlatform(left: Platform, right: Platform): boolean {
  return formatPlatform(normalisePlatform(left)) === formatPlatform(normalisePlatform(right));
}

/**
 * What `host` runs without emulation, best first: `linux/amd64/v2` runs `linux/amd64`, 64-bit x86
 * runs 386, arm64 runs arm down to v5 (containerd `platforms.Only`).
 */
export function runnablePlatforms(host: Platform): readonly Platform[] {
  const { os, architecture, variant = "" } = normalisePlatform(host);
  const levels = (arch: string, from: number, to: number): Platform[] => {
    const found: Platform[] = [];
    for (let level = from; level >= to; level--) found.push(platform(os, arch, `v${level}`));
    return found;
  };
  switch (architecture) {
    case "amd64": {
      const level = variant === "" ? 1 : Number(variant.slice(1));
      return [...levels("amd64", level, 2), platform(os, "amd64", ""), platform(os, "386", "")];
    }
    case "arm64": {
      const own = variant === "" ? [] : [platform(os, "arm64", variant)];
      return [...own, platform(os, "arm64", ""), ...levels("arm", 8, 5)];
    }
    case "arm":
      return levels("arm", Number(variant.slice(1)), 5);
    default:
      return [platform(os, architecture, variant)];
  }
}

/**
 * The candidate that suits `wanted` best.
 *
 * @returns Index into `candidates`, or -1 where none can run.
 */
export function selectPlatform(wanted: Platform, candidates: readonly Platform[]): number {
  for (const runnable of runnablePlatforms(wanted)) {
    const index = candidates.findIndex((candidate) => isSamePlatform(candidate, runnable));
    if (index >= 0) return index;
  }
  return -1;
}
