import { InvalidArgumentError } from "#base/errors.ts";
import { parseJson } from "#base/json.ts";
import { JsonReader } from "#base/json-reader.ts";
import { type Exchange, writePiece } from "#api/exchange.ts";
import { ProgressStream } from "#api/progress-stream.ts";
import type { Query } from "#api/query.ts";
import type { BuildkitDoor } from "#buildkit/door.ts";
import type { Exporter } from "#spec/buildkit/control.ts";
import { attributesOfQuery } from "./attributes.ts";

/** What serves `POST /build?version=2` and `POST /build/cancel`. */
export type SessionBuilds = BuildkitDoor["endpoint"];

/** Before the id of a build in `buildid`: the body is that build's context, and nothing is built. */
const UPLOAD_PREFIX = "upload-request:";

type EndpointRequest = Parameters<SessionBuilds["build"]>[0];

/** A build as docker's client 20.10 asks for it: with a session beside it, whose services are BuildKit's. */
export async function buildWithSession(exchange: Exchange, builds: SessionBuilds): Promise<void> {
  const { query, request, signal, response } = exchange;
  const id = query.text("buildid");
  if (id.startsWith(UPLOAD_PREFIX)) {
    await builds.upload(id.slice(UPLOAD_PREFIX.length), request, signal);
    response.writeHead(200, { "Content-Type": "application/json" });
    response.end();
    return;
  }
  const attributes = attributesOfQuery(query);
  const progress = new ProgressStream(exchange);
  await progress.run(async () => {
    await builds.build(
      {
        id,
        sessionId: query.text("session"),
        attributes,
        exporters: exportersOf(query),
        cacheImports: cacheImportsOf(query),
        isInlineCache: attributes["build-arg:BUILDKIT_INLINE_CACHE"] === "1",
        context: contextOf(exchange),
      },
      (line) => writeLine(exchange, line),
      signal,
    );
  });
}

async function writeLine(
  exchange: Exchange,
  line: Parameters<Parameters<SessionBuilds["build"]>[1]>[0],
): Promise<void> {
  const { query, response } = exchange;
  const isQuiet = query.boolean("q");
  const { aux } = line;
  if (isQuiet && typeof aux === "string") return;
  if (!response.headersSent) response.writeHead(200, { "Content-Type": "application/json" });
  // who wants nothing but the id takes all that is said for it
  const told = isQuiet && typeof aux !== "string" ? { stream: `${aux.ID}\n` } : line;
  await writePiece(exchange, `${JSON.stringify(told)}\r\n`);
}

function contextOf({ query, request }: Exchange): EndpointRequest["context"] {
  const remote = query.text("remote");
  if (remote === "client-session") return { kind: "session" };
  if (remote === "upload-request") return { kind: "upload" };
  return remote === "" ? { kind: "body", bytes: request } : { kind: "remote", url: remote };
}

/** `[{"Type":"local","Attrs":{}}]`; an image of the engine where nothing is said. */
function exportersOf(query: Query): readonly Exporter[] {
  const name = query.all("t").filter((tag) => tag !== "");
  const text = query.text("outputs");
  const outputs =
    text === "" || text === "null" ? [] : (readJson("outputs", text).objects("outputs") ?? []);
  if (outputs.length > 1) throw new InvalidArgumentError("multiple outputs not supported");
  const [output] = outputs;
  const attributes = new Map(Object.entries(output?.stringMap("Attrs") ?? {}));
  if (name.length > 0 && !attributes.has("name")) attributes.set("name", name.join(","));
  return [{ type: output?.string("Type") || "moby", attributes }];
}

/** `["registry.example/app"]` */
function cacheImportsOf(query: Query): EndpointRequest["cacheImports"] {
  const text = query.text("cachefrom");
  const references =
    text === "" || text === "null" ? [] : (readJson("cachefrom", text).strings("cachefrom") ?? []);
  return references.map((ref) => ({ type: "registry", attributes: new Map([["ref", ref]]) }));
}

function readJson(name: string, text: string): JsonReader {
  try {
    return JsonReader.of({ [name]: parseJson(text) }, {});
  } catch (cause) {
    if (!(cause instanceof InvalidArgumentError)) throw cause;
    throw new InvalidArgumentError(`error reading ${name}: ${cause.message}`, { cause });
  }
}
