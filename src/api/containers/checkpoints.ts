import { InvalidArgumentError, UnsupportedError } from "#base/errors.ts";
import {
  type CheckpointChoice,
  checkpointChoice,
  checkpointDirectory,
  parseCheckpointRequest,
} from "#spec/engine-api/checkpoint.ts";
import { readRequiredJsonBody } from "#api/body.ts";
import { type Exchange, pathPart, sendJson, sendStatus } from "#api/exchange.ts";
import type { Query } from "#api/query.ts";
import { type Route, answer } from "#api/router.ts";
import type { ContainerRoutesOptions } from "./backend.ts";

/** Docker's checkpoints, which are for daemons with `--experimental` only. */
export function checkpointRoutes({
  containers,
  isExperimental,
}: ContainerRoutesOptions): readonly Route[] {
  const guarded = (work: (exchange: Exchange, id: string) => Promise<void>) => {
    return async (exchange: Exchange): Promise<void> => {
      if (!isExperimental) {
        throw new UnsupportedError(
          "This experimental feature is disabled by default. Start the Docker daemon in experimental mode in order to enable it.",
        );
      }
      await work(exchange, pathPart(exchange, "id"));
    };
  };
  return [
    answer(
      "GET",
      "/containers/{id}/checkpoints",
      guarded(async (exchange, id) => {
        const directory = checkpointDirectory(exchange.query.text("dir"));
        const names = containers.listCheckpoints(id, directory);
        sendJson(exchange, 200, names.length === 0 ? null : names.map((Name) => ({ Name })));
      }),
    ),
    answer(
      "POST",
      "/containers/{id}/checkpoints",
      guarded(async (exchange, id) => {
        const request = parseCheckpointRequest(await readRequiredJsonBody(exchange.request));
        await containers.createCheckpoint(id, request);
        sendStatus(exchange, 201);
      }),
    ),
    answer(
      "DELETE",
      "/containers/{id}/checkpoints/{checkpoint}",
      guarded(async (exchange, id) => {
        const name = pathPart(exchange, "checkpoint");
        const choice = checkpointChoice(name, exchange.query.text("dir"));
        await containers.removeCheckpoint(id, choice);
        sendStatus(exchange, 204);
      }),
    ),
  ];
}

/** What a start goes on from. @throws {InvalidArgumentError} Not experimental, or no name of a checkpoint. */
export function startCheckpoint(
  query: Query,
  isExperimental: boolean,
): CheckpointChoice | undefined {
  const name = query.text("checkpoint");
  if (name === "") return undefined;
  if (!isExperimental) {
    throw new InvalidArgumentError("checkpoint is only supported in experimental mode");
  }
  return checkpointChoice(name, query.text("checkpoint-dir"));
}
