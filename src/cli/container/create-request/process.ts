import { InvalidArgumentError } from "#base/errors.ts";
import { boolFlag, intFlag, listFlag, stringFlag } from "#cli/command/flags.ts";
import type { ClientSurroundings } from "./fields.ts";
import type { FlagsOf, RequestFields } from "./fields.ts";

/** What runs, as whom, where, and which of its streams are ours. */
export interface ProcessValues {
  readonly attach: readonly string[];
  readonly domainname: string;
  readonly entrypoint: string;
  readonly hostname: string;
  readonly init: boolean;
  readonly interactive: boolean;
  readonly "stop-signal": string;
  readonly "stop-timeout": number;
  readonly tty: boolean;
  readonly user: string;
  readonly workdir: string;
}

export const processFlags: FlagsOf<ProcessValues> = {
  attach: listFlag("Attach to STDIN, STDOUT or STDERR", {
    short: "a",
    complete: ["stdin", "stdout", "stderr"],
    parseElement(text) {
      const stream = text.toLowerCase();
      if (["stdin", "stdout", "stderr"].includes(stream)) return stream;
      throw new InvalidArgumentError("valid streams are STDIN, STDOUT and STDERR");
    },
  }),
  domainname: stringFlag("Container NIS domain name"),
  entrypoint: stringFlag("Overwrite the default ENTRYPOINT of the image"),
  hostname: stringFlag("Container host name", { short: "h" }),
  init: boolFlag("Run an init inside the container that forwards signals and reaps processes"),
  interactive: boolFlag("Keep STDIN open even if not attached", { short: "i" }),
  "stop-signal": stringFlag("Signal to stop the container"),
  "stop-timeout": intFlag("Timeout (in seconds) to stop a container"),
  tty: boolFlag("Allocate a pseudo-TTY", { short: "t" }),
  user: stringFlag("Username or UID (format: <name|uid>[:<group|gid>])", { short: "u" }),
  workdir: stringFlag("Working directory inside the container", { short: "w" }),
};

/** Which streams of the container the client takes part in. */
export interface AttachedStreams {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
}

/** Without `-a` both outputs; `-i` adds the input. */
export function attachedStreams(
  values: Pick<ProcessValues, "attach" | "interactive">,
): AttachedStreams {
  const isDefault = values.attach.length === 0;
  return {
    stdin: values.interactive || values.attach.includes("stdin"),
    stdout: isDefault || values.attach.includes("stdout"),
    stderr: isDefault || values.attach.includes("stderr"),
  };
}

/** @param command The words after the image. */
export function planProcess(
  values: ProcessValues,
  streams: AttachedStreams,
  command: readonly string[],
  around: ClientSurroundings,
): RequestFields {
  return {
    config: {
      Hostname: values.hostname,
      Domainname: values.domainname,
      User: values.user,
      WorkingDir: values.workdir,
      Tty: values.tty,
      OpenStdin: values.interactive,
      // The input ends with the client that it came from.
      StdinOnce: values.interactive && streams.stdin,
      AttachStdin: streams.stdin,
      AttachStdout: streams.stdout,
      AttachStderr: streams.stderr,
      ...(command.length > 0 ? { Cmd: command } : {}),
      // `--entrypoint ""` takes the image's away.
      ...(around.isSet("entrypoint") ? { Entrypoint: [values.entrypoint] } : {}),
      ...(around.isSet("stop-signal") ? { StopSignal: values["stop-signal"] } : {}),
      ...(around.isSet("stop-timeout") ? { StopTimeout: values["stop-timeout"] } : {}),
    },
    host: around.isSet("init") ? { Init: values.init } : {},
  };
}
