import type { ContainerInspectResponse } from "@docker/node-sdk";
import type { CreateBody } from "#cli/container/create-request/plan.ts";
import { joinedContainer } from "#spec/engine-api/host-config.ts";

/** Where the toolbox finds the target's root. */
export const TARGET_PATH = "/target";

/** What the user wants in the toolbox. */
export interface DebugWish {
  readonly image: string;
  /** Empty for a shell. */
  readonly command: readonly string[];
  readonly hasTerminal: boolean;
}

/** The request for a toolbox, and the link that shows it the target's root. */
export interface DebugPlan {
  readonly body: CreateBody;
  /** What `/target` points at; undefined where it is mounted or found at the start. */
  readonly rootLink: string | undefined;
}

/**
 * The toolbox for a container that runs: in its namespaces, its root behind a link into /proc.
 *
 * @param target As the engine shows it.
 */
export function planLiveToolbox(target: ContainerInspectResponse, wish: DebugWish): DebugPlan {
  const { id, host } = partsOf(target);
  const join = (mode: string): string =>
    mode === "host" || joinedContainer(mode) !== undefined ? mode : `container:${id}`;
  const pidMode = join(host.PidMode ?? "");
  // another container's processes: which of them are the target's is known inside only
  const isGuest = joinedContainer(pidMode) !== undefined && pidMode !== `container:${id}`;
  const pid = pidMode === "host" ? (target.State?.Pid ?? 1) : 1;
  return {
    rootLink: isGuest ? undefined : `/proc/${pid}/root`,
    body: bodyOf(target, wish, {
      words: isGuest ? ["sh", "-c", findRootScript(id), "sh", ...wordsOf(wish)] : wordsOf(wish),
      host: {
        PidMode: pidMode,
        NetworkMode: join(host.NetworkMode ?? ""),
        ...(mayJoinIpc(host.IpcMode ?? "") ? { IpcMode: join(host.IpcMode ?? "") } : {}),
        UTSMode: host.UTSMode ?? "",
        CapAdd: ["SYS_PTRACE"],
      },
    }),
  };
}

/**
 * The toolbox for a container that does not run: with a copy of its root, and its volumes.
 *
 * @param copy The image that its root was copied to.
 */
export function planStoppedToolbox(
  target: ContainerInspectResponse,
  wish: DebugWish,
  copy: string,
): DebugPlan {
  const below = (target.Mounts ?? [])
    .filter(({ Type }) => Type === "bind" || Type === "volume")
    .map(({ Type, Name, Source, Destination }) => ({
      Type,
      Source: Type === "volume" ? Name : Source,
      Target: `${TARGET_PATH}${Destination ?? ""}`,
      ReadOnly: true,
    }));
  return {
    rootLink: undefined,
    body: bodyOf(target, wish, {
      words: wordsOf(wish),
      host: {
        NetworkMode: "none",
        Mounts: [{ Type: "image", Source: copy, Target: TARGET_PATH }, ...below],
      },
    }),
  };
}

/** A container's IPC namespace is its own affair unless it says that it may be shared. */
function mayJoinIpc(mode: string): boolean {
  return mode === "host" || mode === "shareable" || joinedContainer(mode) !== undefined;
}

function partsOf(target: ContainerInspectResponse): {
  readonly id: string;
  readonly host: NonNullable<ContainerInspectResponse["HostConfig"]>;
} {
  return { id: target.Id ?? "", host: target.HostConfig ?? {} };
}

function wordsOf({ command }: DebugWish): readonly string[] {
  return command.length > 0 ? command : ["sh"];
}

/** Points /target at the root of the first process in the target's cgroup, then becomes the command. */
function findRootScript(id: string): string {
  return `for p in /proc/[0-9]*; do
  case $(cat $p/cgroup 2>/dev/null) in *${id}*) ln -s $p/root ${TARGET_PATH}; break ;; esac
done
exec "$@"`;
}

function bodyOf(
  target: ContainerInspectResponse,
  wish: DebugWish,
  more: { readonly words: readonly string[]; readonly host: CreateBody["HostConfig"] },
): CreateBody {
  const { id, host } = partsOf(target);
  const [program = "", ...rest] = more.words;
  return {
    Image: wish.image,
    Entrypoint: [program],
    Cmd: rest,
    User: "0:0",
    WorkingDir: "/",
    Tty: wish.hasTerminal,
    OpenStdin: true,
    StdinOnce: true,
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    Labels: { "wharf.debug": id },
    HostConfig: {
      ...more.host,
      AutoRemove: true,
      UsernsMode: host.UsernsMode ?? "",
      Runtime: host.Runtime ?? "",
      LogConfig: { Type: "none", Config: {} },
    },
    NetworkingConfig: { EndpointsConfig: {} },
  };
}
