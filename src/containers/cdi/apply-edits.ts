import { FailedPreconditionError } from "#base/errors.ts";
import type { Device, DeviceCgroup, Hook, Hooks, Mount, Spec } from "#spec/oci-runtime.ts";
import type { CdiDeviceNode, CdiEdits, CdiMount } from "./spec.ts";

/** What a path of the host is, of device nodes and FIFOs. */
export type NodeLookup = (
  path: string,
) => Pick<Device, "type" | "major" | "minor" | "fileMode" | "uid" | "gid"> | undefined;

/**
 * Changes config.json as devices ask for: what they bring takes the place of what is there under the same name
 * or path.
 *
 * @throws {FailedPreconditionError} A device node is not on the host.
 */
export function applyEdits(spec: Spec, edits: readonly CdiEdits[], lookUp: NodeLookup): Spec {
  return edits.reduce((edited, each) => applyOne(edited, each, lookUp), spec);
}

function applyOne(spec: Spec, edits: CdiEdits, lookUp: NodeLookup): Spec {
  const nodes = edits.deviceNodes.map((node) => ({ node, device: deviceOf(spec, node, lookUp) }));
  const paths = new Set(nodes.map(({ device }) => device.path));
  const { resources } = spec.linux;
  const rules = nodes.flatMap(({ node, device }) => ruleOf(device, node.permissions) ?? []);
  const targets = new Set(edits.mounts.map(({ containerPath }) => containerPath));
  return {
    ...spec,
    ...(spec.process ? { process: editedProcess(spec.process, edits) } : {}),
    mounts: [
      ...spec.mounts.filter(({ destination }) => !targets.has(destination)),
      ...edits.mounts.map(mountOf),
    ],
    ...(edits.hooks.length > 0 ? { hooks: withHooks(spec.hooks ?? {}, edits) } : {}),
    linux: {
      ...spec.linux,
      devices: [
        ...(spec.linux.devices ?? []).filter(({ path }) => !paths.has(path)),
        ...nodes.map(({ device }) => device),
      ],
      resources: { ...resources, devices: [...(resources?.devices ?? []), ...rules] },
    },
  };
}

function editedProcess(
  process: NonNullable<Spec["process"]>,
  edits: CdiEdits,
): NonNullable<Spec["process"]> {
  const variables = new Map(process.env.map((variable) => [nameOf(variable), variable]));
  for (const variable of edits.env) variables.set(nameOf(variable), variable);
  const gids = edits.additionalGids.filter((gid) => gid !== 0);
  const { user } = process;
  return {
    ...process,
    env: [...variables.values()],
    user:
      gids.length === 0
        ? user
        : { ...user, additionalGids: [...new Set([...(user.additionalGids ?? []), ...gids])] },
  };
}

function nameOf(variable: string): string {
  return variable.split("=", 1)[0] ?? "";
}

/** The node is the container's user's, where the file does not say whose. */
function deviceOf(spec: Spec, node: CdiDeviceNode, lookUp: NodeLookup): Device {
  const source = node.hostPath ?? node.path;
  const isWhole = node.type !== undefined && (node.type === "p" || node.major !== undefined);
  const found = isWhole ? undefined : lookUp(source);
  if (!isWhole && !found) {
    throw new FailedPreconditionError(
      `CDI device injection failed: failed to stat CDI host device ${JSON.stringify(source)}: no such device node`,
    );
  }
  const { uid = 0, gid = 0 } = spec.process?.user ?? {};
  const type = node.type ?? found?.type ?? "c";
  const major = node.major ?? found?.major;
  const minor = node.minor ?? found?.minor ?? (major === undefined ? undefined : 0);
  const fileMode = node.fileMode ?? found?.fileMode;
  const owner = node.uid ?? (uid > 0 ? uid : found?.uid);
  const group = node.gid ?? (gid > 0 ? gid : found?.gid);
  return {
    type,
    path: node.path,
    ...(major === undefined ? {} : { major }),
    ...(minor === undefined ? {} : { minor }),
    ...(fileMode === undefined ? {} : { fileMode }),
    ...(owner === undefined ? {} : { uid: owner }),
    ...(group === undefined ? {} : { gid: group }),
  };
}

function ruleOf(device: Device, permissions = "rwm"): DeviceCgroup | undefined {
  const { type, major, minor } = device;
  if (type === "p") return undefined;
  return {
    allow: true,
    type: type === "b" ? "b" : "c",
    ...(major === undefined ? {} : { major }),
    ...(minor === undefined ? {} : { minor }),
    access: permissions,
  };
}

function mountOf({ hostPath, containerPath, type, options }: CdiMount): Mount {
  const isBind = type === undefined || type === "none" || type === "bind";
  const hasBind = options.some((option) => option === "bind" || option === "rbind");
  return {
    destination: containerPath,
    type: isBind ? "bind" : type,
    source: hostPath,
    options: isBind && !hasBind ? ["rbind", ...options] : options,
  };
}

function withHooks(hooks: Hooks, { hooks: added }: CdiEdits): Hooks {
  const merged: { -readonly [Name in keyof Hooks]: readonly Hook[] } = { ...hooks };
  for (const { hookName, path, args, env, timeout } of added) {
    const hook: Hook = {
      path,
      ...(args.length > 0 ? { args } : {}),
      ...(env.length > 0 ? { env } : {}),
      ...(timeout === undefined ? {} : { timeout }),
    };
    merged[hookName] = [...(merged[hookName] ?? []), hook];
  }
  return merged;
}
