import type { ContainerWaitResponse } from "@docker/node-sdk";
import type { Cli } from "#cli/cli.ts";
import { ExitError, exitCannotStart } from "#cli/command/exit-error.ts";
import type { EngineClient } from "#client/engine-client.ts";
import { type ContainerStream, type StreamChoice, joinStreams } from "./attached-streams.ts";
import { containerPath } from "#cli/container/each-container.ts";
import { followTerminalSize } from "./terminal-size.ts";

/** A container that is about to be started with our streams joined to it. */
export interface AttachedContainer {
  readonly id: string;
  /** The engine removes it when it ends. */
  readonly removes: boolean;
  start(): Promise<void>;
}

/**
 * Attaches, waits for the end, and only then starts the container, so that nothing of a short life
 * is missed.
 *
 * @returns The container's exit code; 0 when the user has detached.
 * @throws What `start` throws, once a container to be removed is gone.
 */
export async function runAttached(
  cli: Cli,
  container: AttachedContainer,
  choice: StreamChoice,
): Promise<number> {
  const { id, removes } = container;
  const engine = await cli.engine();
  const [stream, exitCode] = await Promise.all([
    openAttachStream(engine, id, choice),
    waitForExit(engine, id, removes ? "removed" : "next-exit"),
  ]);
  using _stream = stream;
  try {
    await container.start();
  } catch (error) {
    if (removes) await exitCode();
    throw error;
  }
  using _size = choice.hasTerminal
    ? followTerminalSize(cli, engine, containerPath(id, "/resize"))
    : undefined;
  const end = await joinStreams(cli, stream, choice);
  return end === "ended" ? exitCode() : 0;
}

export function openAttachStream(
  engine: EngineClient,
  id: string,
  choice: StreamChoice,
): Promise<ContainerStream & Disposable> {
  const { stdin, stdout, stderr, detachKeys } = choice;
  return engine.hijack(containerPath(id, "/attach"), {
    query: {
      stream: true,
      stdin: stdin || undefined,
      stdout: stdout || undefined,
      stderr: stderr || undefined,
      detachKeys: detachKeys === "" ? undefined : detachKeys,
    },
  });
}

/**
 * Registers for the end of a container.
 *
 * @returns Once the engine waits: a function that gives the exit code, when there is one.
 */
export async function waitForExit(
  engine: EngineClient,
  id: string,
  condition: "next-exit" | "not-running" | "removed",
): Promise<() => Promise<number>> {
  const response = await engine.request("POST", containerPath(id, "/wait"), {
    query: { condition },
  });
  return async () => {
    const ended = await response.json<ContainerWaitResponse>();
    if (!ended.Error?.Message) return ended.StatusCode;
    throw new ExitError(ended.Error.Message, exitCannotStart);
  };
}
