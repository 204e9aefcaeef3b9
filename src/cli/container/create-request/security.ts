import { InvalidArgumentError, messageOf } from "#base/errors.ts";
import { boolFlag, listFlag, stringFlag } from "#cli/command/flags.ts";
import { compactJson } from "#cli/output/indent-json.ts";
import {
  type ClientSurroundings,
  type FlagsOf,
  type RequestFields,
  listOrNothing,
} from "./fields.ts";

/** Privileges of the container and the namespaces that it shares. */
export interface SecurityValues {
  readonly "cap-add": readonly string[];
  readonly "cap-drop": readonly string[];
  readonly cgroupns: string;
  readonly "group-add": readonly string[];
  readonly ipc: string;
  readonly isolation: string;
  readonly pid: string;
  readonly privileged: boolean;
  readonly "read-only": boolean;
  readonly runtime: string;
  readonly "security-opt": readonly string[];
  readonly userns: string;
  readonly uts: string;
}

export const securityFlags: FlagsOf<SecurityValues> = {
  "cap-add": listFlag("Add Linux capabilities"),
  "cap-drop": listFlag("Drop Linux capabilities"),
  cgroupns: stringFlag(`Cgroup namespace to use (host|private)
'host':    Run the container in the Docker host's cgroup namespace
'private': Run the container in its own private cgroup namespace
'':        Use the cgroup namespace as configured by the
           default-cgroupns-mode option on the daemon (default)`),
  "group-add": listFlag("Add additional groups to join"),
  ipc: stringFlag("IPC mode to use"),
  isolation: stringFlag("Container isolation technology"),
  pid: stringFlag("PID namespace to use"),
  privileged: boolFlag("Give extended privileges to this container"),
  "read-only": boolFlag("Mount the container's root filesystem as read only"),
  runtime: stringFlag("Runtime to use for this container"),
  "security-opt": listFlag("Security Options"),
  userns: stringFlag("User namespace to use"),
  uts: stringFlag("UTS namespace to use"),
};

/** @throws {InvalidArgumentError} In docker's words. */
export function planSecurity(values: SecurityValues, around: ClientSurroundings): RequestFields {
  checkModes(values);
  const options = values["security-opt"].map((option) => readSecurityOption(option, around));
  const engineOptions = options.filter((option) => option !== "systempaths=unconfined");
  // Empty lists, unlike absent ones, take the engine's defaults away.
  const hasOpenPaths = engineOptions.length < options.length;
  return {
    host: {
      CapAdd: listOrNothing(capabilityNames(values["cap-add"])),
      CapDrop: listOrNothing(capabilityNames(values["cap-drop"])),
      CgroupnsMode: values.cgroupns,
      GroupAdd: listOrNothing(values["group-add"]),
      IpcMode: values.ipc,
      Isolation: values.isolation,
      PidMode: values.pid,
      Privileged: values.privileged,
      ReadonlyRootfs: values["read-only"],
      Runtime: values.runtime,
      SecurityOpt: hasOpenPaths ? engineOptions : listOrNothing(engineOptions),
      UsernsMode: values.userns,
      UTSMode: values.uts,
      ...(hasOpenPaths ? { MaskedPaths: [], ReadonlyPaths: [] } : {}),
    },
  };
}

/** In the form `CAP_NET_ADMIN`, sorted. Whether they exist is for the engine to say. */
function capabilityNames(texts: readonly string[]): readonly string[] {
  const names = texts.map((text) => {
    const upper = text.trim().toUpperCase();
    const isPlain = ["", "ALL", "RESET"].includes(upper) || upper.startsWith("CAP_");
    return isPlain ? upper : `CAP_${upper}`;
  });
  return [...new Set(names)].sort();
}

function checkModes({ pid, uts, userns, cgroupns }: SecurityValues): void {
  const isJoined = /^container:./.test(pid);
  if (pid !== "" && pid !== "host" && !isJoined) {
    throw new InvalidArgumentError("--pid: invalid PID mode");
  }
  if (uts !== "" && uts !== "host") throw new InvalidArgumentError("--uts: invalid UTS mode");
  if (userns !== "" && userns !== "host") {
    throw new InvalidArgumentError("--userns: invalid USER mode");
  }
  if (!["", "private", "host"].includes(cgroupns)) {
    throw new InvalidArgumentError("--cgroupns: invalid CGROUP mode");
  }
}

/** A seccomp profile's file is the client's: its JSON is sent instead of its name. */
function readSecurityOption(option: string, around: ClientSurroundings): string {
  const separator = option.includes("=") ? "=" : ":";
  const at = option.indexOf(separator);
  if (at < 0) {
    if (option === "no-new-privileges") return option;
    throw new InvalidArgumentError(`Invalid --security-opt: ${JSON.stringify(option)}`);
  }
  const value = option.slice(at + 1);
  const isFile = !["unconfined", "builtin"].includes(value);
  if (option.slice(0, at) !== "seccomp" || !isFile) return option;
  return `seccomp=${readSeccompProfile(value, around)}`;
}

function readSeccompProfile(path: string, around: ClientSurroundings): string {
  let text: string;
  try {
    text = around.readText(path);
  } catch (cause) {
    throw new InvalidArgumentError(
      `opening seccomp profile (${path}) failed: ${messageOf(cause)}`,
      { cause },
    );
  }
  try {
    JSON.parse(text);
  } catch (cause) {
    throw new InvalidArgumentError(
      `compacting json for seccomp profile (${path}) failed: ${messageOf(cause)}`,
      { cause },
    );
  }
  return compactJson(text);
}
