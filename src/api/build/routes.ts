import { UnsupportedError } from "#base/errors.ts";
import type { Exchange } from "#api/exchange.ts";
import { ProgressStream } from "#api/progress-stream.ts";
import { type Route, answer } from "#api/router.ts";
import { attributesOfQuery } from "./attributes.ts";
import type { BuildBackend } from "./backend.ts";

/** The one builder version that this door speaks. */
const CLASSIC = new Set(["", "1"]);

async function build(exchange: Exchange, backend: BuildBackend): Promise<void> {
  const { query, request, signal } = exchange;
  const version = query.text("version");
  if (!CLASSIC.has(version)) {
    throw new UnsupportedError(
      `Cannot build with builder version ${version}: set DOCKER_BUILDKIT=0`,
    );
  }
  const remote = query.text("remote");
  if (remote !== "") {
    throw new UnsupportedError(
      `Cannot build from ${remote}: the engine fetches no contexts yet; send the folder itself`,
    );
  }
  if (query.boolean("squash")) {
    throw new UnsupportedError("squash is only supported with experimental mode");
  }
  const progress = new ProgressStream(exchange);
  await progress.run(async () => {
    await backend.build(
      {
        context: request,
        attributes: attributesOfQuery(query),
        tags: query.all("t").filter((tag) => tag !== ""),
        isQuiet: query.boolean("q"),
      },
      (line) => progress.write(line),
      signal,
    );
  });
}

/** The classic way to build. */
export function buildRoutes(backend: BuildBackend): readonly Route[] {
  return [answer("POST", "/build", (exchange) => build(exchange, backend))];
}
