import type { ContainerRecord, ContainerState } from "#containers/container.ts";
import type { ContainerDetails } from "#containers/containers.ts";
import { parseContainerCreate } from "#spec/engine-api/container-create.ts";
import { DOCKER_DEFAULTS } from "#spec/engine-api/host-config.ts";
import { parseDigest } from "#spec/digest.ts";
import { parseContainerId } from "#spec/ids.ts";

const ID = parseContainerId("ab".repeat(32));
const SECOND = 1_000_000_000n;

const running = {
  status: "running",
  paused: false,
  process: { pid: 4711, startTicks: 1 },
  supervisor: { pid: 4710, startTicks: 1 },
  startedNanos: 1_000n * SECOND,
} as const;
export const RUNNING: ContainerState = running;
export const PAUSED: ContainerState = { ...running, paused: true };

export const EXITED: ContainerState = {
  status: "exited",
  exit: {
    exitCode: 3,
    oomKilled: false,
    startedNanos: 1_000n * SECOND,
    finishedNanos: 1_060n * SECOND,
  },
};

/** A container as the domain describes it, made from the body of a create request. */
export function containerDetails(
  body: object,
  state: ContainerState = { status: "created" },
  more: Partial<ContainerDetails> & { readonly mounts?: ContainerRecord["mounts"] } = {},
): ContainerDetails {
  const request = parseContainerCreate(
    { Image: "busybox", ...body },
    {
      defaults: { ...DOCKER_DEFAULTS, cgroupnsMode: "host" },
    },
  );
  const [path = "", ...args] = request.config.Cmd ?? [];
  const { mounts = [], ...rest } = more;
  return {
    record: {
      id: ID,
      name: "web",
      createdNanos: 999n * SECOND,
      imageId: parseDigest(`sha256:${"cd".repeat(32)}`),
      imageReference: request.config.Image,
      config: { ...request.config, Hostname: ID.slice(0, 12) },
      hostConfig: request.hostConfig,
      networkingConfig: request.networkingConfig,
      mounts,
      state,
      path,
      args,
      restartCount: 0,
      stoppedByUser: false,
      bootId: "boot",
    },
    links: [],
    linkNames: [],
    execIds: [],
    logPath: "/data/log",
    hostnamePath: "/data/hostname",
    hostsPath: "/data/hosts",
    resolvConfPath: "/data/resolv.conf",
    storageDriver: "overlay2",
    graphData: { ID, LowerDir: "/l", MergedDir: "/m", UpperDir: "/u", WorkDir: "/w" },
    ...rest,
  };
}
