import { InvalidArgumentError } from "#base/errors.ts";
import { JsonReader } from "#base/json-reader.ts";

/** The body of `POST /containers/{id}/checkpoints`. */
export interface CheckpointRequest {
  readonly name: string;
  /** Absolute, on the engine's host; the container's own folder when absent. */
  readonly directory?: string;
  /** The container ends once it is written down. */
  readonly exit: boolean;
}

/** Which checkpoint: its name, and where it lies when that is not the container's own folder. */
export type CheckpointChoice = Omit<CheckpointRequest, "exit">;

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

/** @throws {InvalidArgumentError} With Docker's text for a name; a folder that is not absolute. */
export function checkpointChoice(name: string, directory: string): CheckpointChoice {
  if (!NAME.test(name)) {
    throw new InvalidArgumentError(
      `Invalid checkpoint ID (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`,
    );
  }
  const checked = checkpointDirectory(directory);
  return { name, ...(checked === undefined ? {} : { directory: checked }) };
}

/** @throws {InvalidArgumentError} It is not absolute. */
export function checkpointDirectory(directory: string): string | undefined {
  if (directory === "") return undefined;
  if (!directory.startsWith("/")) {
    throw new InvalidArgumentError(
      `Cannot use checkpoint directory "${directory}": want an absolute path on the engine's host`,
    );
  }
  return directory;
}

/** @throws {InvalidArgumentError} */
export function parseCheckpointRequest(body: unknown): CheckpointRequest {
  const reader = JsonReader.of(body, {
    prefix: "invalid JSON: ",
    goType: "checkpoint.CreateOptions",
  });
  const choice = checkpointChoice(
    reader.string("CheckpointID") ?? "",
    reader.string("CheckpointDir") ?? "",
  );
  return { ...choice, exit: reader.boolean("Exit") ?? false };
}
