import { InvalidArgumentError } from "#base/errors.ts";
import type { WaitCondition } from "#containers/containers.ts";
import { parseContainerCreate } from "#spec/engine-api/container-create.ts";
import { parseContainerUpdate } from "#spec/engine-api/container-update.ts";
import { parseFilters } from "#spec/engine-api/filters.ts";
import { readJsonBody, readRequiredJsonBody } from "#api/body.ts";
import {
  type Exchange,
  beginStream,
  pathPart,
  sendEmpty,
  sendJson,
  sendJsonText,
  sendStatus,
} from "#api/exchange.ts";
import type { Query } from "#api/query.ts";
import { type Route, answer, hijack } from "#api/router.ts";
import { acceptWebsocket } from "#api/websocket.ts";
import { attachContainer } from "./attach.ts";
import type { ContainerRoutesOptions } from "./backend.ts";
import { checkpointRoutes, startCheckpoint } from "./checkpoints.ts";
import { createExec, execToWire, startExec } from "./exec.ts";
import { filesRoutes } from "./files.ts";
import { InspectAnswers } from "./inspect-answers.ts";
import { sendLogs } from "./logs-route.ts";
import { sendStats } from "./stats.ts";
import { summaryToWire } from "./summary.ts";

const LIST_FILTERS = [
  "ancestor",
  "before",
  "expose",
  "exited",
  "health",
  "id",
  "is-task",
  "isolation",
  "label",
  "name",
  "network",
  "publish",
  "since",
  "status",
  "volume",
] as const;
const PRUNE_FILTERS = ["label", "label!", "until"] as const;
const DEFAULT_PS_ARGUMENTS = "-ef";

const WAIT_CONDITIONS: Readonly<Record<string, WaitCondition>> = {
  "": "not-running",
  "not-running": "not-running",
  "next-exit": "next-exit",
  removed: "removed",
};

function stopOptions(query: Query): { readonly timeoutSeconds?: number; readonly signal?: string } {
  const timeoutSeconds = query.integer("t");
  const signal = query.text("signal");
  return {
    ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }),
    ...(signal === "" ? {} : { signal }),
  };
}

/** @throws {InvalidArgumentError} With Docker's texts. */
export function parseTerminalSize(query: Query): {
  readonly columns: number;
  readonly rows: number;
} {
  const read = (name: string, noun: string): number => {
    const text = query.text(name);
    if (!/^[0-9]+$/.test(text)) {
      throw new InvalidArgumentError(
        `invalid resize ${noun} ${JSON.stringify(text)}: invalid syntax`,
      );
    }
    if (Number(text) > 65_535) {
      throw new InvalidArgumentError(
        `invalid resize ${noun} ${JSON.stringify(text)}: value out of range`,
      );
    }
    return Number(text);
  };
  return { rows: read("h", "height"), columns: read("w", "width") };
}

/** Since API 1.24 the host configuration belongs to create. */
function refuseStartBody(exchange: Exchange): void {
  const lengthBytes = Number(exchange.request.fields.get("content-length") ?? "0");
  if (lengthBytes > 2) {
    throw new InvalidArgumentError(
      "starting container with non-empty request body was deprecated since API v1.22 and removed in v1.24",
    );
  }
}

async function waitForContainer(
  exchange: Exchange,
  { containers }: ContainerRoutesOptions,
): Promise<void> {
  const { query, signal } = exchange;
  const condition = WAIT_CONDITIONS[query.text("condition")];
  if (condition === undefined) {
    throw new InvalidArgumentError(`invalid condition: ${JSON.stringify(query.text("condition"))}`);
  }
  const id = containers.resolve(pathPart(exchange, "id"));
  const waiting = containers.wait(id, condition, signal);
  beginStream(exchange, "application/json"); // tells the client that it may start the container now
  const result = await waiting;
  const error = result.error === undefined ? {} : { Error: { Message: result.error } };
  exchange.response.end(`${JSON.stringify({ StatusCode: result.exitCode, ...error })}\n`);
}

function lifeCycleRoutes(options: ContainerRoutesOptions): readonly Route[] {
  const { containers } = options;
  const noContent = (
    action: (exchange: Exchange, id: string) => Promise<void>,
  ): ((exchange: Exchange) => Promise<void>) => {
    return async (exchange) => {
      await action(exchange, pathPart(exchange, "id"));
      sendStatus(exchange, 204);
    };
  };
  return [
    ...checkpointRoutes(options),
    answer("POST", "/containers/create", async (exchange) => {
      const { request, query, version, signal } = exchange;
      const body = parseContainerCreate(await readRequiredJsonBody(request), {
        apiVersion: version,
        defaults: options.defaults(),
      });
      const name = query.text("name");
      const platform = query.text("platform");
      const created = await containers.create(
        { body, ...(name === "" ? {} : { name }), ...(platform === "" ? {} : { platform }) },
        signal,
      );
      sendJson(exchange, 201, { Id: created.id, Warnings: created.warnings });
    }),
    answer(
      "POST",
      "/containers/{id}/start",
      noContent(async (exchange, id) => {
        refuseStartBody(exchange);
        const checkpoint = startCheckpoint(exchange.query, options.isExperimental);
        await containers.start(id, exchange.signal, ...(checkpoint ? [checkpoint] : []));
      }),
    ),
    answer(
      "POST",
      "/containers/{id}/stop",
      noContent(({ query }, id) => containers.stop(id, stopOptions(query))),
    ),
    answer(
      "POST",
      "/containers/{id}/restart",
      noContent(({ query }, id) => containers.restart(id, stopOptions(query))),
    ),
    answer(
      "POST",
      "/containers/{id}/kill",
      noContent(({ query }, id) => containers.kill(id, query.text("signal") || "SIGKILL")),
    ),
    answer(
      "POST",
      "/containers/{id}/pause",
      noContent((_exchange, id) => containers.pause(id)),
    ),
    answer(
      "POST",
      "/containers/{id}/unpause",
      noContent((_exchange, id) => containers.unpause(id)),
    ),
    answer(
      "POST",
      "/containers/{id}/rename",
      noContent(({ query }, id) => containers.rename(id, query.text("name"))),
    ),
    answer("POST", "/containers/{id}/update", async (exchange) => {
      const request = parseContainerUpdate(await readJsonBody(exchange.request), {
        apiVersion: exchange.version,
        cpuCount: options.defaults().cpuCount,
      });
      const warnings = await containers.update(pathPart(exchange, "id"), request);
      sendJson(exchange, 200, { Warnings: warnings.length === 0 ? null : warnings });
    }),
    answer(
      "DELETE",
      "/containers/{id}",
      noContent(({ query }, id) =>
        containers.remove(id, {
          force: query.boolean("force"),
          volumes: query.boolean("v"),
          link: query.boolean("link"),
        }),
      ),
    ),
    answer("POST", "/containers/prune", async (exchange) => {
      const filters = parseFilters(exchange.query.get("filters"), PRUNE_FILTERS);
      const pruned = await containers.prune(filters);
      sendJson(exchange, 200, {
        ContainersDeleted: pruned.ids.length === 0 ? null : pruned.ids,
        SpaceReclaimed: pruned.reclaimedBytes,
      });
    }),
  ];
}

function lookRoutes(options: ContainerRoutesOptions): readonly Route[] {
  const { containers, bridgeName, nowMs } = options;
  const inspectAnswers = new InspectAnswers(bridgeName);
  return [
    answer("GET", "/containers/json", async (exchange) => {
      const { query } = exchange;
      const limit = query.integer("limit") ?? 0;
      const found = await containers.list({
        all: query.boolean("all"),
        withSizes: query.boolean("size"),
        filters: parseFilters(query.get("filters"), LIST_FILTERS),
        ...(limit > 0 ? { limit } : {}),
      });
      const now = nowMs();
      sendJson(
        exchange,
        200,
        found.map((details) => summaryToWire(details, now, exchange.version)),
      );
    }),
    answer("GET", "/containers/{id}/json", async (exchange) => {
      const withSizes = exchange.query.boolean("size");
      const details = await containers.get(pathPart(exchange, "id"), { withSizes });
      sendJsonText(exchange.response, 200, inspectAnswers.text(details, exchange.version));
    }),
    answer("GET", "/containers/{id}/top", async (exchange) => {
      const psArguments = exchange.query.text("ps_args") || DEFAULT_PS_ARGUMENTS;
      const { titles, processes } = await containers.top(pathPart(exchange, "id"), psArguments);
      sendJson(exchange, 200, { Processes: processes, Titles: titles });
    }),
    answer("GET", "/containers/{id}/logs", (exchange) => sendLogs(exchange, containers)),
    answer("GET", "/containers/{id}/stats", (exchange) =>
      sendStats(exchange, containers, options.statsIntervalMs),
    ),
    answer("POST", "/containers/{id}/wait", (exchange) => waitForContainer(exchange, options)),
  ];
}

function streamRoutes({ containers }: ContainerRoutesOptions): readonly Route[] {
  return [
    hijack("POST", "/containers/{id}/attach", (exchange) =>
      attachContainer(exchange, containers, { accept: exchange.accept, mayFrame: true }),
    ),
    hijack("GET", "/containers/{id}/attach/ws", (exchange) =>
      attachContainer(exchange, containers, {
        accept: () => acceptWebsocket(exchange),
        mayFrame: false,
      }),
    ),
    answer("POST", "/containers/{id}/resize", async (exchange) => {
      await containers.resize(pathPart(exchange, "id"), parseTerminalSize(exchange.query));
      sendEmpty(exchange);
    }),
    answer("POST", "/containers/{id}/exec", (exchange) => createExec(exchange, containers)),
    hijack("POST", "/exec/{id}/start", (exchange) => startExec(exchange, containers)),
    answer("POST", "/exec/{id}/resize", async (exchange) => {
      await containers.resizeExec(pathPart(exchange, "id"), parseTerminalSize(exchange.query));
      sendEmpty(exchange);
    }),
    answer("GET", "/exec/{id}/json", (exchange) => {
      sendJson(exchange, 200, execToWire(containers.inspectExec(pathPart(exchange, "id"))));
    }),
  ];
}

/** Everything below `/containers` and `/exec`. */
export function containerRoutes(options: ContainerRoutesOptions): readonly Route[] {
  return [
    ...lifeCycleRoutes(options),
    ...lookRoutes(options),
    ...filesRoutes(options),
    ...streamRoutes(options),
  ];
}
