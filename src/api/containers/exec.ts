import type { ExecInspectResponse } from "@docker/node-sdk";
import { ConflictError } from "#base/errors.ts";
import type { ExecDetails } from "#containers/containers.ts";
import { parseExecConfig, parseExecStart } from "#spec/engine-api/exec-config.ts";
import { readRequiredJsonBody } from "#api/body.ts";
import { parseDetachKeys } from "#api/detach-keys.ts";
import { type Exchange, pathPart, sendJson } from "#api/exchange.ts";
import type { HijackExchange } from "#api/hijack.ts";
import type { Wire } from "#api/wire.ts";
import { reportInStream } from "./attach.ts";
import { pumpStreams } from "./attach-pump.ts";
import type { ContainersBackend } from "./backend.ts";
import { hijackedType } from "./logs-route.ts";

export function execToWire(details: ExecDetails): Wire<ExecInspectResponse> {
  const { config } = details;
  const [entrypoint = "", ...words] = config.Cmd;
  return {
    ID: details.id,
    Running: details.status === "running",
    ExitCode: details.exitCode ?? null,
    ProcessConfig: {
      tty: config.Tty,
      entrypoint,
      arguments: words,
      privileged: config.Privileged,
      ...(config.User === "" ? {} : { user: config.User }),
    },
    OpenStdin: config.AttachStdin,
    OpenStderr: config.AttachStderr,
    OpenStdout: config.AttachStdout,
    CanRemove: details.status === "exited",
    ContainerID: details.containerId,
    DetachKeys:
      config.DetachKeys === ""
        ? ""
        : Buffer.from(parseDetachKeys(config.DetachKeys)).toString("base64"),
    Pid: details.pid,
  };
}

/** `POST /containers/{id}/exec` */
export async function createExec(exchange: Exchange, containers: ContainersBackend): Promise<void> {
  const config = parseExecConfig(await readRequiredJsonBody(exchange.request));
  const id = await containers.createExec(pathPart(exchange, "id"), config);
  sendJson(exchange, 201, { Id: id });
}

/** `POST /exec/{id}/start` */
export async function startExec(
  exchange: HijackExchange,
  containers: ContainersBackend,
): Promise<void> {
  const execId = pathPart(exchange, "id");
  const body = await exchange.readJsonBody();
  const start = parseExecStart(body ?? {});
  const { config, status } = containers.inspectExec(execId);
  const [rows, columns] = start.ConsoleSize ?? config.ConsoleSize ?? [0, 0];
  const options = {
    detach: start.Detach,
    terminal: config.Tty,
    ...(rows > 0 && columns > 0 ? { size: { columns, rows } } : {}),
  };
  if (start.Detach) {
    await containers.startExec(execId, options, exchange.signal);
    return exchange.respond(200, {}, "");
  }
  if (status === "running") {
    throw new ConflictError(`exec command ${execId} is already running`);
  }
  if (status === "exited") throw new ConflictError(`exec command ${execId} has already run`);
  // What the start says of a terminal is what the client reads by, whatever the exec has.
  const isFramed = !start.Tty;
  const client = exchange.accept(hijackedType(exchange, start.Tty));
  try {
    // After the takeover, as Docker does: a command that is not found is told on the stream, and the
    // client learns 126 or 127 from the exec's exit code.
    const { stream } = await containers.startExec(execId, options, exchange.signal);
    if (stream) {
      const pump = {
        terminal: config.Tty,
        isFramed,
        stdin: config.AttachStdin,
        stdout: config.AttachStdout,
        stderr: config.AttachStderr,
        closesStdin: !config.Tty,
        detachKeys: parseDetachKeys(config.DetachKeys),
      };
      const end = await pumpStreams(client, stream, pump, exchange.signal);
      if (end === "detached") containers.leaveExec(execId);
    }
  } catch (error) {
    if (!exchange.signal.aborted) await reportInStream(client, isFramed, exchange.explain(error));
  }
  await client.end();
}
