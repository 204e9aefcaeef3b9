import { InvalidArgumentError } from "#base/errors.ts";
import { JsonReader } from "#base/json-reader.ts";
import { parseJson } from "#base/json.ts";
import type { NewVolume, TreeArchive } from "#volumes/transfers.ts";
import type { VolumeRecord } from "#volumes/volumes.ts";
import { readRequiredJsonBody } from "#api/body.ts";
import { type Exchange, pathPart, sendJson, sendStatus, writePiece } from "#api/exchange.ts";
import { type Route, answer } from "#api/router.ts";
import { volumeToWire } from "./routes.ts";

/** What the endpoints of `/wharf/volumes` need of the engine. */
export interface VolumeTransfersBackend {
  export(name: string, signal: AbortSignal): Promise<TreeArchive>;
  import(
    target: NewVolume,
    archive: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<VolumeRecord>;
  clone(source: string, target: NewVolume, signal: AbortSignal): Promise<VolumeRecord>;
  rename(name: string, newName: string): Promise<void>;
}

const TAR_TYPE = "application/x-tar";

async function exportVolume(exchange: Exchange, backend: VolumeTransfersBackend): Promise<void> {
  const { response, signal } = exchange;
  await using archive = await backend.export(pathPart(exchange, "name"), signal);
  response.writeHead(200, { "Content-Type": TAR_TYPE });
  for await (const chunk of archive.chunks) await writePiece(exchange, chunk);
  response.end();
}

/** @throws {InvalidArgumentError} No JSON object of strings. */
function labelsOf(text: string): Readonly<Record<string, string>> {
  if (text === "") return {};
  const labels = { labels: parseJson(text) };
  return JsonReader.of(labels, { prefix: "invalid labels: " }).stringMap("labels") ?? {};
}

async function importVolume(exchange: Exchange, backend: VolumeTransfersBackend): Promise<void> {
  const { query, request, signal } = exchange;
  const target = { name: pathPart(exchange, "name"), labels: labelsOf(query.text("labels")) };
  const volume = await backend.import(target, request, signal);
  sendJson(exchange, 201, volumeToWire({ volume }));
}

async function readBody(exchange: Exchange): Promise<JsonReader> {
  const body = await readRequiredJsonBody(exchange.request);
  return JsonReader.of(body, { prefix: "invalid JSON: " });
}

async function cloneVolume(exchange: Exchange, backend: VolumeTransfersBackend): Promise<void> {
  const reader = await readBody(exchange);
  const target = { name: newName(reader), labels: reader.stringMap("Labels") ?? {} };
  const volume = await backend.clone(pathPart(exchange, "name"), target, exchange.signal);
  sendJson(exchange, 201, volumeToWire({ volume }));
}

function newName(reader: JsonReader): string {
  const name = reader.string("Name");
  if (!name) throw new InvalidArgumentError("Name is missing: that of the new volume");
  return name;
}

/** Beyond Docker, and apart from its endpoints: everything below `/wharf/volumes`. */
export function volumeTransferRoutes(backend: VolumeTransfersBackend): readonly Route[] {
  return [
    answer("GET", "/wharf/volumes/{name}/export", (exchange) => exportVolume(exchange, backend)),
    answer("POST", "/wharf/volumes/{name}/import", (exchange) => importVolume(exchange, backend)),
    answer("POST", "/wharf/volumes/{name}/clone", (exchange) => cloneVolume(exchange, backend)),
    answer("POST", "/wharf/volumes/{name}/rename", async (exchange) => {
      const name = newName(await readBody(exchange));
      await backend.rename(pathPart(exchange, "name"), name);
      sendStatus(exchange, 204);
    }),
  ];
}
