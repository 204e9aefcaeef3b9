import { InvalidArgumentError } from "#base/errors.ts";
import { boolFlag, listFlag, mapFlag, stringFlag } from "#cli/command/flags.ts";
import { type FlagsOf, type RequestFields, keyValueMap } from "./fields.ts";

/** What becomes of the container and its output; settings without a topic of their own. */
export interface PolicyValues {
  readonly annotation: Readonly<Record<string, string>>;
  readonly cidfile: string;
  readonly "log-driver": string;
  readonly "log-opt": readonly string[];
  readonly restart: string;
  readonly rm: boolean;
  readonly sysctl: Readonly<Record<string, string>>;
}

const plainSysctls: readonly string[] = [
  "kernel.msgmax",
  "kernel.msgmnb",
  "kernel.msgmni",
  "kernel.sem",
  "kernel.shmall",
  "kernel.shmmax",
  "kernel.shmmni",
  "kernel.shm_rmid_forced",
];

function sysctlFlag(): FlagsOf<PolicyValues>["sysctl"] {
  const map = mapFlag("Sysctl options");
  return {
    ...map,
    parse(text, before) {
      const equals = text.indexOf("=");
      const name = text.slice(0, Math.max(equals, 0));
      const isKnown = plainSysctls.includes(name) || /^(?:net|fs\.mqueue)\./.test(name);
      if (!isKnown) throw new InvalidArgumentError(`sysctl '${text}' is not allowed`);
      return map.parse(text, before);
    },
  };
}

export const policyFlags: FlagsOf<PolicyValues> = {
  annotation: mapFlag("Add an annotation to the container (passed through to the OCI runtime)", {
    minApi: "1.43",
  }),
  cidfile: stringFlag("Write the container ID to the file", { complete: "files" }),
  "log-driver": stringFlag("Logging driver for the container"),
  "log-opt": listFlag("Log driver options"),
  restart: stringFlag("Restart policy to apply when a container exits", {
    default: "no",
    complete: ["always", "no", "on-failure", "unless-stopped"],
  }),
  rm: boolFlag(
    "Automatically remove the container and its associated anonymous volumes when it exits",
  ),
  sysctl: sysctlFlag(),
};

export function planPolicies(values: PolicyValues): RequestFields {
  const { restart, rm } = values;
  const policy = parseRestartPolicy(restart);
  if (values["log-driver"] === "none" && values["log-opt"].length > 0) {
    throw new InvalidArgumentError("invalid logging opts for driver none");
  }
  if (rm && policy.Name !== "no" && policy.Name !== "") {
    throw new InvalidArgumentError("conflicting options: cannot specify both --restart and --rm");
  }
  const hasAnnotations = Object.keys(values.annotation).length > 0;
  const hasSysctls = Object.keys(values.sysctl).length > 0;
  return {
    host: {
      ...(hasAnnotations ? { Annotations: values.annotation } : {}),
      AutoRemove: rm,
      ContainerIDFile: values.cidfile,
      LogConfig: { Type: values["log-driver"], Config: keyValueMap(values["log-opt"]) },
      RestartPolicy: policy,
      ...(hasSysctls ? { Sysctls: values.sysctl } : {}),
    },
  };
}

/** `on-failure:3`; whether the policy exists is for the engine to say. */
export function parseRestartPolicy(text: string): {
  readonly Name: string;
  readonly MaximumRetryCount: number;
} {
  const colon = text.indexOf(":");
  const name = colon < 0 ? text : text.slice(0, colon);
  const count = colon < 0 ? "" : text.slice(colon + 1);
  if (colon === 0) {
    throw new InvalidArgumentError(
      "invalid restart policy format: no policy provided before colon",
    );
  }
  if (!/^(?:[+-]?[0-9]+)?$/.test(count)) {
    throw new InvalidArgumentError(
      "invalid restart policy format: maximum retry count must be an integer",
    );
  }
  return { Name: name, MaximumRetryCount: Number(count) };
}
