import type { Namespace } from "#spec/oci-runtime.ts";
import { joinedContainer } from "#spec/engine-api/host-config.ts";
import type { OciSpecInput } from "./input.ts";

/** New ones, joined ones, and for the host's none at all. */
export function planNamespaces(input: OciSpecInput): readonly Namespace[] {
  const { hostConfig } = input;
  const namespaces: Namespace[] = [{ type: "mount" }];
  if (input.users) namespaces.push({ type: "user", path: input.users.path });
  if (input.networkNamespacePath !== undefined) {
    namespaces.push({ type: "network", path: input.networkNamespacePath });
  }
  if (hostConfig.UTSMode !== "host") namespaces.push({ type: "uts" });
  namespaces.push(...joinable("pid", hostConfig.PidMode, input.joined.pidPath));
  namespaces.push(...joinable("ipc", hostConfig.IpcMode, input.joined.ipcPath));
  if (hostConfig.CgroupnsMode === "private") namespaces.push({ type: "cgroup" });
  return namespaces;
}

function joinable(
  type: "pid" | "ipc",
  mode: string,
  joinedPath: string | undefined,
): readonly Namespace[] {
  if (mode === "host") return [];
  if (joinedContainer(mode) !== undefined && joinedPath !== undefined) {
    return [{ type, path: joinedPath }];
  }
  return [{ type }];
}
