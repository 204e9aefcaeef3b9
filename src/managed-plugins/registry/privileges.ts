import { InvalidArgumentError } from "#base/errors.ts";
import type { PluginConfig } from "#managed-plugins/plugin-config.ts";
import type { PluginPrivilege } from "#spec/engine-api/plugin-privileges.ts";

/** What a configuration asks for, in Docker's order and words. */
export function privilegesOf(config: PluginConfig): readonly PluginPrivilege[] {
  const { Network, Linux, Mounts, IpcHost, PidHost } = config;
  const found: PluginPrivilege[] = [];
  const add = (Name: string, Description: string, ...Value: readonly string[]): void => {
    found.push({ Name, Description, Value });
  };
  if (!["", "null", "bridge"].includes(Network.Type)) {
    add("network", "permissions to access a network", Network.Type);
  }
  if (IpcHost) add("host ipc namespace", "allow access to host ipc namespace", "true");
  if (PidHost) add("host pid namespace", "allow access to host pid namespace", "true");
  for (const { Source } of Mounts ?? []) {
    if (Source !== "") add("mount", "host path to mount", Source);
  }
  for (const { Path } of Linux.Devices ?? []) {
    if (Path !== "") add("device", "host device to access", Path);
  }
  if (Linux.AllowAllDevices) {
    add("allow-all-devices", "allow 'rwm' access to all devices", "true");
  }
  const capabilities = Linux.Capabilities ?? [];
  if (capabilities.length > 0) {
    add("capabilities", "list of additional capabilities required", ...capabilities);
  }
  return found;
}

/** @throws {InvalidArgumentError} What was granted is not what is asked for, in whatever order. */
export function checkGranted(
  wanted: readonly PluginPrivilege[],
  granted: readonly PluginPrivilege[],
): void {
  const key = (list: readonly PluginPrivilege[]): string =>
    list
      .map(({ Name, Value }) => JSON.stringify([Name, ...Value.toSorted()]))
      .toSorted()
      .join("\n");
  if (key(wanted) !== key(granted)) throw new InvalidArgumentError("incorrect privileges");
}
