import { InvalidArgumentError } from "#base/errors.ts";
import { effectiveCapabilities } from "#spec/engine-api/capabilities.ts";
import type { HostConfig, Ulimit } from "#spec/engine-api/host-config.ts";
import type { Process, Rlimit } from "#spec/oci-runtime.ts";
import { capabilitySets, type OciSpecInput, type SpecHost } from "./input.ts";
import type { SecurityOptions } from "./security-options.ts";

const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/** Where `--init` is mounted; Docker's path, so that images may count on it. */
export const INIT_DESTINATION = "/sbin/docker-init";

export function planProcess(input: OciSpecInput, security: SecurityOptions): Process {
  const { config, hostConfig, user, host } = input;
  const [height, width] = hostConfig.ConsoleSize;
  return {
    terminal: config.Tty,
    ...(config.Tty && height > 0 && width > 0 ? { consoleSize: { height, width } } : {}),
    user: { uid: user.uid, gid: user.gid, additionalGids: user.additionalGids },
    args: input.initPath === undefined ? input.args : [INIT_DESTINATION, "--", ...input.args],
    env: planEnvironment({
      tty: config.Tty,
      hostname: hostConfig.UTSMode === "host" ? host.hostname : config.Hostname,
      home: user.home,
      linked: input.linkedEnvironment ?? [],
      variables: config.Env,
    }),
    cwd: config.WorkingDir === "" ? "/" : config.WorkingDir,
    capabilities: capabilitySets(containerCapabilities(hostConfig, host)),
    noNewPrivileges: security.noNewPrivileges,
    oomScoreAdj: hostConfig.OomScoreAdj,
    rlimits: planRlimits(hostConfig.Ulimits ?? [], input.defaultUlimits, host.hardLimits),
    ...planAppArmor(hostConfig, security, host),
  };
}

/** A runtime refuses any profile, `unconfined` too, where the kernel has no AppArmor. */
export function planAppArmor(
  hostConfig: Pick<HostConfig, "Privileged">,
  security: SecurityOptions,
  host: Pick<SpecHost, "hasAppArmor" | "appArmorProfile">,
): Pick<Process, "apparmorProfile"> {
  if (!host.hasAppArmor) return {};
  const fallback = hostConfig.Privileged ? "unconfined" : host.appArmorProfile;
  const apparmorProfile = security.apparmor ?? fallback;
  return apparmorProfile === undefined ? {} : { apparmorProfile };
}

/** What the container may do at most: also the bound of what a privileged `exec` gets. */
export function containerCapabilities(
  hostConfig: Pick<HostConfig, "Privileged" | "CapAdd" | "CapDrop">,
  host: Pick<SpecHost, "capabilities">,
): readonly string[] {
  if (hostConfig.Privileged) return host.capabilities;
  return effectiveCapabilities(hostConfig.CapAdd, hostConfig.CapDrop).filter((name) =>
    host.capabilities.includes(name),
  );
}

/**
 * Docker's order: PATH, HOSTNAME, TERM, the links', then the container's own, which win; HOME last, where unset.
 *
 * @param variables `NAME=value`; a bare `NAME` unsets.
 */
export function planEnvironment(input: {
  readonly tty: boolean;
  readonly hostname: string;
  readonly home: string;
  /** Of legacy links; the container's own variables win. */
  readonly linked?: readonly string[];
  readonly variables: readonly string[];
}): readonly string[] {
  const values = new Map<string, string>([
    ["PATH", DEFAULT_PATH],
    ["HOSTNAME", input.hostname],
  ]);
  if (input.tty) values.set("TERM", "xterm");
  for (const variable of [...(input.linked ?? []), ...input.variables]) {
    const at = variable.indexOf("=");
    if (at < 0) values.delete(variable);
    else values.set(variable.slice(0, at), variable.slice(at + 1));
  }
  if (!values.has("HOME")) values.set("HOME", input.home);
  return [...values].map(([name, value]) => `${name}=${value}`);
}

/**
 * A limit that the user asks for must be within the daemon's own: without CAP_SYS_RESOURCE the kernel
 * refuses more. The engine's defaults are clamped instead.
 *
 * @throws {InvalidArgumentError} Naming the asked and the possible value.
 */
export function planRlimits(
  asked: readonly Ulimit[],
  defaults: readonly Ulimit[],
  hardLimits: Readonly<Record<string, number>>,
): readonly Rlimit[] {
  const limits = new Map<string, Rlimit>();
  for (const { Name, Soft, Hard } of defaults) {
    const most = hardLimits[Name] ?? Number.POSITIVE_INFINITY;
    limits.set(
      Name,
      rlimit(Name, Math.min(unlimited(Soft), most), Math.min(unlimited(Hard), most)),
    );
  }
  for (const { Name, Soft, Hard } of asked) {
    const most = hardLimits[Name] ?? Number.POSITIVE_INFINITY;
    if (unlimited(Hard) > most) {
      throw new InvalidArgumentError(
        `Cannot set ulimit ${Name} to ${Hard < 0 ? "unlimited" : Hard}: the engine's own hard limit is ${most} and it lacks CAP_SYS_RESOURCE; ask for at most ${most}`,
      );
    }
    limits.set(Name, rlimit(Name, unlimited(Soft), unlimited(Hard)));
  }
  return [...limits.values()];
}

function unlimited(value: number): number {
  return value < 0 ? Number.POSITIVE_INFINITY : value;
}

/** The document's numbers are unsigned 64 bits; JSON's end before that, and so does every real limit. */
function rlimit(name: string, soft: number, hard: number): Rlimit {
  const most = Number.MAX_SAFE_INTEGER;
  return {
    type: `RLIMIT_${name.toUpperCase()}`,
    soft: Math.min(soft, hard, most),
    hard: Math.min(hard, most),
  };
}
