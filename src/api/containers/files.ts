import type { Readable } from "node:stream";
import { pipeline, Readable as NodeReadable } from "node:stream";
import { createDeflateRaw, createGzip } from "node:zlib";
import { InvalidArgumentError } from "#base/errors.ts";
import { parseContainerConfig } from "#spec/engine-api/container-create.ts";
import { encodePathStat, PATH_STAT_HEADER } from "#spec/engine-api/path-stat.ts";
import { readJsonBody } from "#api/body.ts";
import { type Exchange, pathPart, sendJson, sendEmpty, writePiece } from "#api/exchange.ts";
import { type Route, answer } from "#api/router.ts";
import type { ContainerRoutesOptions, ContainersBackend } from "./backend.ts";

const TAR_TYPE = "application/x-tar";
/** The fastest: the network that asked for it is rarely slower. */
const LEVEL = 1;

/** @throws {InvalidArgumentError} In Docker's words, its missing blank included. */
function archivePath(exchange: Exchange): string {
  const path = exchange.query.text("path");
  if (path === "") throw new InvalidArgumentError("bad parameter: pathcannot be empty");
  return path;
}

async function headArchive(exchange: Exchange, containers: ContainersBackend): Promise<void> {
  const path = archivePath(exchange);
  const stat = await containers.statPath(pathPart(exchange, "id"), path, exchange.signal);
  exchange.response.writeHead(200, { [PATH_STAT_HEADER]: encodePathStat(stat) });
  exchange.response.end();
}

async function getArchive(exchange: Exchange, containers: ContainersBackend): Promise<void> {
  const path = archivePath(exchange);
  const { request, response, signal } = exchange;
  await using output = await containers.readArchive(pathPart(exchange, "id"), path, signal);
  const encoding = acceptedEncoding(request.fields.get("accept-encoding"));
  response.writeHead(200, {
    "Content-Type": TAR_TYPE,
    ...(output.stat ? { [PATH_STAT_HEADER]: encodePathStat(output.stat) } : {}),
    ...(encoding ? { "Content-Encoding": encoding } : {}),
  });
  for await (const chunk of encoded(output.chunks, encoding)) await writePiece(exchange, chunk);
  response.end();
}

type Encoding = "gzip" | "deflate";

/** RFC 9110, section 12.5.3; a plain answer where both are as good. */
function acceptedEncoding(header: string | readonly string[] | undefined): Encoding | undefined {
  for (const part of String(header ?? "").split(",")) {
    const [name = "", ...parameters] = part.split(";").map((text) => text.trim().toLowerCase());
    const isRefused = parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter));
    if (!isRefused && (name === "gzip" || name === "deflate")) return name;
  }
  return undefined;
}

/** Compression runs off the JS thread. */
async function* encoded(
  chunks: AsyncIterable<Uint8Array>,
  encoding: Encoding | undefined,
): AsyncGenerator<Uint8Array> {
  if (encoding === undefined) {
    yield* chunks;
    return;
  }
  const packer =
    encoding === "gzip" ? createGzip({ level: LEVEL }) : createDeflateRaw({ level: LEVEL });
  const source: Readable = NodeReadable.from(copies(chunks), { objectMode: false });
  pipeline(source, packer, () => {}); // errors of either reach the loop below through `packer`
  for await (const chunk of packer) yield chunk as Uint8Array;
}

/** The packer is handed the next one while it works on the one before. (`slice` of a Buffer copies nothing.) */
async function* copies(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) yield new Uint8Array(chunk);
}

async function putArchive(exchange: Exchange, containers: ContainersBackend): Promise<void> {
  const { query, request, signal } = exchange;
  const path = archivePath(exchange);
  await containers.writeArchive(
    pathPart(exchange, "id"),
    {
      path,
      keepsKinds: query.boolean("noOverwriteDirNonDir"),
      ownedByUser: query.boolean("copyUIDGID"),
    },
    request,
    signal,
  );
  sendEmpty(exchange);
}

async function exportContainer(exchange: Exchange, containers: ContainersBackend): Promise<void> {
  await using output = await containers.export(pathPart(exchange, "id"), exchange.signal);
  exchange.response.writeHead(200, { "Content-Type": "application/octet-stream" });
  for await (const chunk of output.chunks) await writePiece(exchange, chunk);
  exchange.response.end();
}

async function sendChanges(exchange: Exchange, containers: ContainersBackend): Promise<void> {
  await using output = await containers.changes(pathPart(exchange, "id"), exchange.signal);
  exchange.response.writeHead(200, { "Content-Type": "application/json" });
  for await (const chunk of output.chunks) await writePiece(exchange, chunk);
  exchange.response.end();
}

async function commit(exchange: Exchange, containers: ContainersBackend): Promise<void> {
  const { query, request, signal } = exchange;
  const body = await readJsonBody(request);
  const repository = query.text("repo");
  const tag = query.text("tag");
  const id = await containers.commit(
    query.text("container"),
    {
      author: query.text("author"),
      comment: query.text("comment"),
      changes: query.all("changes"),
      // Docker's default, whatever is said by leaving it out
      pause: query.text("pause") === "" || query.boolean("pause"),
      ...(repository === "" ? {} : { reference: tag === "" ? repository : `${repository}:${tag}` }),
      ...(body === undefined || body === null ? {} : { config: parseContainerConfig(body) }),
    },
    signal,
  );
  sendJson(exchange, 201, { Id: id });
}

/** Files in and out of containers, and images of what they changed. */
export function filesRoutes({ containers }: ContainerRoutesOptions): readonly Route[] {
  return [
    answer("HEAD", "/containers/{id}/archive", (exchange) => headArchive(exchange, containers)),
    answer("GET", "/containers/{id}/archive", (exchange) => getArchive(exchange, containers)),
    answer("PUT", "/containers/{id}/archive", (exchange) => putArchive(exchange, containers)),
    answer("GET", "/containers/{id}/export", (exchange) => exportContainer(exchange, containers)),
    answer("GET", "/containers/{id}/changes", (exchange) => sendChanges(exchange, containers)),
    answer("POST", "/commit", (exchange) => commit(exchange, containers)),
  ];
}
