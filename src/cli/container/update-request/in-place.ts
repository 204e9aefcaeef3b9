import { InvalidArgumentError } from "#base/errors.ts";
import { customFlag, listFlag } from "#cli/command/flags.ts";
import { envFlag, resolveVariables } from "#cli/container/create-request/environment.ts";
import {
  type ClientSurroundings,
  type FlagsOf,
  keyValueMap,
} from "#cli/container/create-request/fields.ts";
import { portBindings } from "#cli/container/create-request/ports.ts";
import { withAbsoluteSource } from "#cli/container/create-request/storage.ts";
import type { Mount } from "#spec/engine-api/mount.ts";
import { parseMountFlag } from "#spec/engine-api/mount-flags.ts";

/** What Wharf changes of an existing container and Docker does not. */
export interface InPlaceValues {
  readonly env: readonly string[];
  readonly "env-rm": readonly string[];
  readonly "label-add": readonly string[];
  readonly "label-rm": readonly string[];
  readonly "mount-add": readonly Mount[];
  readonly "mount-rm": readonly string[];
  readonly "publish-add": readonly string[];
  readonly "publish-rm": readonly string[];
}

export const inPlaceFlags: FlagsOf<InPlaceValues> = {
  env: { ...envFlag(), help: "Set environment variables, from the next start on" },
  "env-rm": listFlag("Remove environment variables by name, from the next start on"),
  "label-add": listFlag("Add or change a label", { parseElement: checkLabelName }),
  "label-rm": listFlag("Remove a label by its name"),
  "mount-add": customFlag<readonly Mount[]>(
    "mount",
    "Attach a filesystem mount, from the next start on",
    "",
    [],
    (text, before) => [...before, parseMountFlag(text)],
  ),
  "mount-rm": listFlag("Detach the mount at a path in the container, from the next start on"),
  "publish-add": listFlag("Publish a port to the host: [[IP:]HOSTPORT:]PORT[/PROTOCOL]"),
  "publish-rm": listFlag("Take a published port away: [[IP:]HOSTPORT:]PORT[/PROTOCOL]"),
};

function checkLabelName(text: string): string {
  if (text === "" || text.startsWith("=")) {
    throw new InvalidArgumentError(`invalid label '${text}': empty name`);
  }
  return text;
}

/**
 * Our part of the request.
 *
 * @throws {InvalidArgumentError} In docker's words.
 */
export function planInPlace(
  values: InPlaceValues,
  around: ClientSurroundings,
): Readonly<Record<string, unknown>> {
  const { env, "env-rm": variables, "label-rm": labels, "mount-rm": targets } = values;
  const fields = {
    AddEnv: resolveVariables(env, around),
    RemoveEnv: variables,
    AddLabels: keyValueMap(values["label-add"]),
    RemoveLabels: labels,
    AddMounts: values["mount-add"].map((mount) => withAbsoluteSource(mount, around)),
    RemoveMounts: targets,
    AddPortBindings: portBindings(values["publish-add"]),
    RemovePortBindings: portBindings(values["publish-rm"]),
  };
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => Object.keys(value).length > 0),
  );
}
