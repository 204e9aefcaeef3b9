import { InvalidArgumentError } from "#base/errors.ts";

/** First line of every unit that we write: what lacks it is somebody else's and stays. */
export const UNIT_MARK =
  "# Written by `wharf system install`; `wharf system uninstall` removes it.";

export interface UnitOptions {
  /** Absolute path of this executable. */
  readonly executable: string;
  /** Flags of `wharf daemon` besides `-H fd://`. */
  readonly daemonFlags: readonly string[];
  /** Absolute path of the API socket. */
  readonly socket: string;
  /** Group that may use the socket. */
  readonly group: string;
  /** Serve `/run/docker.sock` too, where nobody does. */
  readonly dockerSocket: boolean;
}

/** A unit by its file name. */
export interface UnitFile {
  readonly name: string;
  readonly text: string;
}

export const DOCKER_SOCKET = "/run/docker.sock";
/** Every unit that `planUnits` may make. */
export const UNIT_NAMES: readonly string[] = [
  "wharf.service",
  "wharf.socket",
  "wharf-docker.socket",
];

/**
 * One word of ExecStart=. @see systemd.service(5), "Command lines"; systemd.unit(5), "Specifiers"
 *
 * @throws {InvalidArgumentError} A line break, which no quoting lets through.
 */
export function quoteUnitWord(word: string): string {
  if (/[\n\r\0]/.test(word)) {
    throw new InvalidArgumentError(
      `Cannot write ${JSON.stringify(word)} to a unit file: it has a line break`,
    );
  }
  const escaped = word.replaceAll("%", "%%").replaceAll("$", "$$$$");
  if (/^[A-Za-z0-9_./:@=,+%$-]+$/.test(escaped)) return escaped;
  return `"${escaped.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

function serviceText(options: UnitOptions): string {
  const words = [options.executable, "daemon", "-H", "fd://", ...options.daemonFlags];
  const wants = options.dockerSocket
    ? "network-online.target wharf-docker.socket"
    : "network-online.target";
  return `${UNIT_MARK}
[Unit]
Description=Wharf container engine
After=network-online.target nss-lookup.target firewalld.service time-set.target wharf.socket
Wants=${wants}
Requires=wharf.socket
StartLimitBurst=3
StartLimitIntervalSec=60

[Service]
Type=notify
ExecStart=${words.map(quoteUnitWord).join(" ")}
ExecReload=/bin/kill -s HUP $MAINPID
TimeoutStartSec=0
WatchdogSec=2min
Restart=always
RestartSec=2
# The containers are not the service: they outlive it, and systemd leaves their cgroups alone.
KillMode=process
Delegate=yes
OOMScoreAdjust=-500
LimitNOFILE=1048576
LimitNPROC=infinity
LimitCORE=infinity
TasksMax=infinity

[Install]
WantedBy=multi-user.target
`;
}

function socketText(path: string, group: string, more = ""): string {
  return `${UNIT_MARK}
[Unit]
Description=API socket of the Wharf container engine at ${path}
${more}
[Socket]
ListenStream=${path.replaceAll("%", "%%")}
SocketMode=0660
SocketUser=root
SocketGroup=${group}
Service=wharf.service
RemoveOnStop=yes

[Install]
WantedBy=sockets.target
`;
}

/** The units of a service with these options. */
export function planUnits(options: UnitOptions): readonly UnitFile[] {
  const { socket, group } = options;
  const units = [
    { name: "wharf.service", text: serviceText(options) },
    { name: "wharf.socket", text: socketText(socket, group) },
  ];
  if (!options.dockerSocket) return units;
  // systemd takes a path over that another socket is at: the condition leaves it to who came first.
  const condition = `ConditionPathExists=!${DOCKER_SOCKET}\n`;
  return [
    ...units,
    { name: "wharf-docker.socket", text: socketText(DOCKER_SOCKET, group, condition) },
  ];
}
