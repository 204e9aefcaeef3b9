import { InvalidArgumentError, UnsupportedError } from "#base/errors.ts";
import { parseFilters } from "#spec/engine-api/filters.ts";
import { type Exchange, pathPart, sendJson, writePiece } from "#api/exchange.ts";
import { ProgressStream } from "#api/progress-stream.ts";
import type { Query } from "#api/query.ts";
import { type Route, answer } from "#api/router.ts";
import type { ImagesBackend } from "./backend.ts";
import { lookRoutes } from "./look-routes.ts";
import { readPlatforms } from "./platform.ts";
import { pullImage, registryRoutes } from "./registry-routes.ts";
import { progressToWire, removedToWire } from "./wire.ts";

const PRUNE_FILTERS = ["dangling", "label", "label!", "until"] as const;
const TAR_TYPE = "application/x-tar";

/** `repo` and `tag` of the query as one reference; undefined without a repo. */
function targetReference(query: Query): string | undefined {
  const repository = query.text("repo");
  const tag = query.text("tag");
  if (repository === "") return undefined;
  return tag === "" ? repository : `${repository}:${tag}`;
}

async function loadImages(exchange: Exchange, images: ImagesBackend): Promise<void> {
  const isQuiet = exchange.query.boolean("quiet");
  const platforms = readPlatforms(exchange.query, "platform");
  const progress = new ProgressStream(exchange);
  await progress.run(async () => {
    await images.load(
      { source: exchange.request, platforms },
      (step) => {
        // quiet leaves out the bars, not the words about what was loaded
        if (isQuiet && step.stream === undefined) return;
        progress.write(progressToWire(step, exchange.version));
      },
      exchange.signal,
    );
  });
}

async function importImage(exchange: Exchange, images: ImagesBackend): Promise<void> {
  const { query, request, signal } = exchange;
  const source = query.text("fromSrc");
  if (source !== "-") {
    throw new UnsupportedError(
      `Cannot import from ${source}: the engine fetches no URLs yet; download the file and send it ("-")`,
    );
  }
  const reference = targetReference(query);
  const message = query.get("message");
  const platform = query.text("platform");
  const progress = new ProgressStream(exchange);
  await progress.run(async () => {
    const image = await images.import(
      {
        source: request,
        changes: query.all("changes"),
        ...(reference === undefined ? {} : { reference }),
        ...(message === undefined ? {} : { message }),
        ...(platform === "" ? {} : { platform }),
      },
      signal,
    );
    progress.write({ status: image.id });
  });
}

async function createImage(exchange: Exchange, images: ImagesBackend): Promise<void> {
  const { query } = exchange;
  if (query.text("fromSrc") !== "") return importImage(exchange, images);
  if (query.text("fromImage") === "") {
    throw new InvalidArgumentError("fromImage or fromSrc is required");
  }
  return pullImage(exchange, images.registries);
}

async function saveImages(
  exchange: Exchange,
  images: ImagesBackend,
  references: readonly string[],
): Promise<void> {
  if (references.length === 0) throw new InvalidArgumentError("no image names given");
  const platforms = readPlatforms(exchange.query, "platform");
  const archive = images.save({ references, platforms }, exchange.signal);
  const pieces = archive[Symbol.asyncIterator]();
  let piece = await pieces.next(); // an unknown image is an ordinary error: nothing was sent yet
  exchange.response.writeHead(200, { "Content-Type": TAR_TYPE });
  try {
    while (!piece.done) {
      await writePiece(exchange, piece.value);
      piece = await pieces.next();
    }
  } finally {
    await pieces.return?.();
  }
  exchange.response.end();
}

/** Everything below `/images` that this engine does itself. */
export function imageRoutes(images: ImagesBackend): readonly Route[] {
  return [
    ...lookRoutes(images, (exchange, names) => saveImages(exchange, images, names)),
    ...registryRoutes(images.registries),
    answer("POST", "/images/load", (exchange) => loadImages(exchange, images)),
    answer("POST", "/images/create", (exchange) => createImage(exchange, images)),
    answer("POST", "/images/{name:.*}/tag", (exchange) => {
      const target = targetReference(exchange.query);
      if (target === undefined) throw new InvalidArgumentError("invalid reference format");
      images.tag(pathPart(exchange, "name"), target);
      exchange.response.writeHead(201, { "Content-Length": 0 });
      exchange.response.end();
    }),
    answer("DELETE", "/images/{name:.*}", async (exchange) => {
      const { query } = exchange;
      const name = pathPart(exchange, "name");
      const platforms = readPlatforms(query, "platforms");
      const removed = await images.remove(name, {
        force: query.boolean("force"),
        pruneParents: !query.boolean("noprune"),
        platforms,
      });
      sendJson(exchange, 200, removed.map(removedToWire));
    }),
    answer("POST", "/images/prune", async (exchange) => {
      const filters = parseFilters(exchange.query.get("filters"), PRUNE_FILTERS);
      const { removed, reclaimedBytes } = await images.prune({ filters });
      sendJson(exchange, 200, {
        ImagesDeleted: removed.length === 0 ? null : removed.map(removedToWire),
        SpaceReclaimed: reclaimedBytes,
      });
    }),
  ];
}
