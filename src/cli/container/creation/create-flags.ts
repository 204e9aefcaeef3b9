import { boolFlag, stringFlag } from "#cli/command/flags.ts";
import { blockIoFlags } from "#cli/container/create-request/block-io.ts";
import { deviceFlags } from "#cli/container/create-request/devices.ts";
import { environmentFlags } from "#cli/container/create-request/environment.ts";
import type { FlagsOf } from "#cli/container/create-request/fields.ts";
import { healthFlags } from "#cli/container/create-request/health.ts";
import { networkFlags } from "#cli/container/create-request/network.ts";
import type { BodyValues } from "#cli/container/create-request/plan.ts";
import { policyFlags } from "#cli/container/create-request/policies.ts";
import { portFlags } from "#cli/container/create-request/ports.ts";
import { processFlags } from "#cli/container/create-request/process.ts";
import { resourceFlags } from "#cli/container/create-request/resources.ts";
import { securityFlags } from "#cli/container/create-request/security.ts";
import { storageFlags } from "#cli/container/create-request/storage.ts";

/** Values of the flags that `run` and `create` share. */
export interface CreateValues extends BodyValues {
  readonly "disable-content-trust": boolean;
  readonly name: string;
  readonly platform: string;
  readonly pull: string;
  readonly quiet: boolean;
  readonly "use-api-socket": boolean;
}

/** @param purpose Completes the help of `--pull`: `creating`, `running`. */
export function createFlags(purpose: string): FlagsOf<CreateValues> {
  return {
    ...blockIoFlags,
    ...deviceFlags,
    ...environmentFlags,
    ...healthFlags,
    ...networkFlags,
    ...policyFlags,
    ...portFlags,
    ...processFlags,
    ...resourceFlags,
    ...securityFlags,
    ...storageFlags,
    "disable-content-trust": boolFlag("Skip image verification", {
      default: true,
      deprecated: "support for docker content trust was removed",
    }),
    name: stringFlag("Assign a name to the container"),
    platform: stringFlag("Set platform if server is multi-platform capable"),
    pull: stringFlag(`Pull image before ${purpose} ("always", "missing", "never")`, {
      default: "missing",
      complete: ["always", "missing", "never"],
    }),
    quiet: boolFlag("Suppress the pull output", { short: "q" }),
    "use-api-socket": boolFlag("Bind mount Docker API socket and required auth"),
  };
}
