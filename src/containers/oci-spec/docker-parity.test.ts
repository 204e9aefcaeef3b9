import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseContainerCreate } from "#spec/engine-api/container-create.ts";
import type { OciSpecInput } from "./input.ts";
import { planOciSpec } from "./plan.ts";

/*
 * What docker 28 makes of the same options (testdata/refresh.sh asks it), less the differences that are
 * meant. Each of those is the same or tighter in the end:
 *
 * - HOME in the environment: docker leaves it to runc, which sets the same.
 * - Empty lists and `false` where docker writes nothing, `rw` where it writes no access.
 * - No rule that takes the fuse device away: everything is taken away before.
 * - A rule for all minor numbers has none, where docker writes -1; the runtimes read both alike.
 * - `swap: -1` for "no limit", which docker drops: with it a later `update` can lift one.
 * - errno 38 for calls that the seccomp profile does not know, where docker says 1: libc falls back.
 * - The init and the engine's files are bound recursively and privately, and `ro` is enough: they are files.
 * - A privileged container has the one rule that allows all, and not those of single devices too.
 */
const MEANT: readonly RegExp[] = [
  /^ociVersion /,
  /^process\.env "HOME=/,
  / (false|\[\])$/,
  /^linux\.resources\.devices\.c10:229\./,
  /^linux\.resources\.devices\.c10:\.minor /,
  /^linux\.resources\.memory\.swap -1$/,
  /^linux\.seccomp\.(defaultErrnoRet|syscalls)/,
  /^mounts\.[^ ]*options "(rw|r?bind|rprivate)"$/,
  /^mounts\.\/etc\/[^ ]*\.options "r?ro"$/,
  /^mounts\.(\/etc\/(hosts|hostname|resolv\.conf)|\/sbin\/docker-init)\.source /,
  /^linux\.namespaces\.network\.path /,
  /^hooks\./,
];

interface Recorded {
  readonly Config: Readonly<Record<string, unknown>>;
  readonly HostConfig: Readonly<Record<string, unknown>>;
  readonly spec: DockerSpec;
}

/** Of docker's document what the test hands to ours as given. */
interface DockerSpec {
  readonly process: {
    readonly user: {
      readonly uid: number;
      readonly gid: number;
      readonly additionalGids?: number[];
    };
    readonly capabilities?: { readonly bounding?: readonly string[] };
  };
  readonly root: { readonly path: string };
  readonly mounts: readonly DockerMount[];
  readonly linux: {
    readonly cgroupsPath: string;
    readonly devices?: readonly { readonly path: string; readonly type: "b" | "c" }[];
    readonly resources: {
      readonly devices: readonly {
        readonly major?: number;
        readonly minor?: number;
        readonly access: string;
      }[];
    };
  };
}

interface DockerMount {
  readonly destination: string;
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

const directory = join(import.meta.dir, "testdata");
const names = readdirSync(directory)
  .filter((name) => name.endsWith(".json"))
  .toSorted();

function read(name: string): Recorded {
  return JSON.parse(readFileSync(join(directory, name), "utf8")) as Recorded; // refresh.sh wrote it
}

const allCapabilities = read("privileged.json").spec.process.capabilities?.bounding ?? [];

describe("planOciSpec() and docker 28", () => {
  test.each(names)("%s", (name) => {
    const recorded = read(name);
    const ours = leavesOf(planOciSpec(inputOf(recorded)));
    const theirs = leavesOf(recorded.spec);
    const isPrivileged = recorded.HostConfig["Privileged"] === true;
    const meant = isPrivileged ? [...MEANT, /^linux\.resources\.devices\.c/] : MEANT;
    const isMeant = (leaf: string): boolean => meant.some((pattern) => pattern.test(leaf));
    const missing = [...theirs].filter((leaf) => !ours.has(leaf) && !isMeant(leaf));
    const added = [...ours].filter((leaf) => !theirs.has(leaf) && !isMeant(leaf));
    expect({ missing, added }).toEqual({ missing: [], added: [] });
  });
});

function inputOf(recorded: Recorded): OciSpecInput {
  const { spec } = recorded;
  const { Hostname, ...named } = recorded.Config;
  const usesHosts = recorded.HostConfig["UTSMode"] === "host";
  const body = { ...named, ...(usesHosts ? {} : { Hostname }), HostConfig: recorded.HostConfig };
  const { config, hostConfig } = parseContainerCreate(body);
  return {
    containerId: "<id>",
    config,
    hostConfig,
    args: ["sleep", "300"],
    user: {
      ...spec.process.user,
      additionalGids: spec.process.user.additionalGids ?? [],
      home: "/",
    },
    rootPath: spec.root.path,
    mounts: spec.mounts.flatMap((mount) => userMountOf(mount, hostConfig.Tmpfs)),
    files: { hostnamePath: "/hostname", hostsPath: "/hosts", resolvConfPath: "/resolv.conf" },
    ...(hostConfig.NetworkMode === "host" ? {} : { networkNamespacePath: "/netns" }),
    joined: {},
    cgroupPath: spec.linux.cgroupsPath,
    ...(hostConfig.Init === true ? { initPath: "/usr/bin/docker-init" } : {}),
    devices: (spec.linux.devices ?? []).map((device) => ({
      device,
      hostPath: device.path,
      access: device.path === "/dev/xnull" ? "r" : "rwm",
    })),
    deviceNumbers: new Map(),
    defaultUlimits: [],
    defaultSeccompProfile: {
      defaultAction: "SCMP_ACT_ERRNO",
      archMap: [
        {
          architecture: "SCMP_ARCH_X86_64",
          subArchitectures: ["SCMP_ARCH_X86", "SCMP_ARCH_X32"],
        },
      ],
    },
    host: {
      architecture: "amd64",
      kernelRelease: "6.18.44",
      isCgroupV2: false,
      usesSystemdCgroups: false,
      hasSeccomp: true,
      hasAppArmor: false,
      isNoNewPrivilegesDefault: false,
      capabilities: allCapabilities,
      hardLimits: {},
      hostname: hostnameOf(recorded),
    },
  };
}

function hostnameOf({ Config }: Recorded): string {
  return typeof Config["Hostname"] === "string" ? Config["Hostname"] : "";
}

/** A mount that the flags asked for, as `start` would hand it over. */
function userMountOf(
  mount: DockerMount,
  tmpfs: Readonly<Record<string, string>>,
): OciSpecInput["mounts"] {
  const { destination, source, options } = mount;
  if (!["/scratch", "/t", "/data", "/var2"].includes(destination)) return [];
  if (mount.type === "tmpfs") {
    const asked = tmpfs[destination]?.split(",") ?? ["size=4k"];
    return [
      { kind: "tmpfs", source, destination, readOnly: false, propagation: "", options: asked },
    ];
  }
  const propagation = options.includes("private") ? "private" : "";
  const readOnly = options.includes("rro");
  return [{ kind: "bind", source, destination, readOnly, propagation, options: [] }];
}

/** `path value` for each value in the document; members of a list by what tells them apart. */
function leavesOf(value: unknown, path = ""): ReadonlySet<string> {
  if (Array.isArray(value) && value.length > 0) {
    return new Set(value.flatMap((item) => [...leavesOf(item, `${path}${nameOf(item)}`)]));
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return new Set([`${path} ${JSON.stringify(value)}`]);
  }
  const prefix = path === "" ? "" : `${path}.`;
  return new Set(
    Object.entries(value).flatMap(([key, item]) => [...leavesOf(item, `${prefix}${key}`)]),
  );
}

function nameOf(item: unknown): string {
  if (typeof item !== "object" || item === null) return "";
  const { destination, type, path, major, minor } = item as Readonly<
    Record<string, string | number | undefined>
  >;
  if (destination !== undefined) return `.${destination}`;
  if (major !== undefined) return `.${type}${major}:${path ?? (minor === -1 ? "" : minor) ?? ""}`;
  return type === undefined ? "" : `.${type}`;
}
