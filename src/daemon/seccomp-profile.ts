import { readFileSync } from "node:fs";
import { FailedPreconditionError, messageOf } from "#base/errors.ts";
import { restrictSeccompProfile } from "#containers/oci-spec/default-seccomp.ts";
import { parseSeccompProfile } from "#containers/oci-spec/seccomp.ts";
import type { Host } from "#host/host.ts";
import type { EngineConfig } from "./config/engine-config.ts";

const BUILTIN_SECCOMP_PROFILE = "/usr/share/containers/seccomp.json";

/** @returns Undefined where containers run without a profile. */
export function readSeccompProfile(config: EngineConfig, host: Host): string | undefined {
  const { seccompProfile } = config.containers;
  if (seccompProfile === "unconfined" || !host.system.securityModules.seccomp) return undefined;
  const path = seccompProfile === "builtin" ? BUILTIN_SECCOMP_PROFILE : seccompProfile;
  try {
    const text = readFileSync(path, "utf8");
    if (seccompProfile !== "builtin") return text;
    return JSON.stringify(restrictSeccompProfile(parseSeccompProfile(text)));
  } catch (cause) {
    throw new FailedPreconditionError(
      `Cannot read the seccomp profile ${path}: ${messageOf(cause)}; install golang-github-containers-common or name one with --seccomp-profile`,
      { cause },
    );
  }
}
