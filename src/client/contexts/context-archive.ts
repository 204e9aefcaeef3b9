import { InvalidArgumentError } from "#base/errors.ts";
import { tarHeader } from "#base/tar/header.ts";
import { readTar } from "#base/tar/reader.ts";
import { type TarMember, writeTar } from "#base/tar/writer.ts";
import { type ContextStore } from "./context-store.ts";
import { type ContextMeta, type TlsFiles, parseContextMeta } from "./stored-context.ts";
import { readZip } from "./zip.ts";

/** Docker's limit for an archive and for each of its files. */
export const maxArchiveBytes: number = 10 * 1024 * 1024;

/** What an archive of a context holds. */
export interface ContextArchive {
  readonly meta: ContextMeta;
  readonly tls: TlsFiles;
}

/** A tar stream with `meta.json` and `tls/docker/*`, as docker writes and reads it. */
export function exportContext(store: ContextStore, name: string): AsyncIterable<Uint8Array> {
  const meta = new TextEncoder().encode(JSON.stringify(store.read(name)));
  const tls = Object.entries(store.readTls(name));
  const folders = tls.length > 0 ? ["tls/", "tls/docker/"] : ["tls/"];
  const members: TarMember[] = [
    file("meta.json", meta, 0o644),
    ...folders.map((folder) => ({
      header: tarHeader({ name: folder, type: "directory", mode: 0o700 }),
    })),
    ...tls.map(([key, bytes]) => file(`tls/docker/${key}`, bytes, 0o600)),
  ];
  return writeTar(members);
}

function file(name: string, body: Uint8Array, mode: number): TarMember {
  return { header: tarHeader({ name, type: "file", mode, sizeBytes: body.length }), body };
}

/**
 * Reads an archive that `exportContext()` or docker made, tar or zip.
 *
 * @param bytes The whole archive.
 * @throws {InvalidArgumentError} When it is none, is too large, or names files outside its layout.
 */
export async function readContextArchive(bytes: Uint8Array): Promise<ContextArchive> {
  const isZip = bytes[0] === 0x50 && bytes[1] === 0x4b;
  const members = isZip ? readZip(bytes, maxArchiveBytes) : tarFiles(bytes);
  let meta: ContextMeta | undefined;
  const tls: Record<string, Uint8Array> = {};
  for await (const [name, body] of members) {
    if (name === "meta.json") meta = parseMeta(body);
    else if (name.startsWith("tls/")) {
      const key = /^tls\/docker\/([^/\\]+)$/.exec(name)?.[1];
      if (key === undefined || key === "." || key === "..") {
        throw new InvalidArgumentError(
          `Cannot import context: unexpected file ${JSON.stringify(name)}`,
        );
      }
      tls[key] = body;
    }
  }
  if (!meta) throw new InvalidArgumentError("invalid context: no metadata found");
  return { meta, tls };
}

function parseMeta(body: Uint8Array): ContextMeta {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(body));
  } catch (error) {
    throw new InvalidArgumentError("Cannot import context: meta.json is no JSON", { cause: error });
  }
  return parseContextMeta(value);
}

async function* tarFiles(bytes: Uint8Array): AsyncGenerator<readonly [string, Uint8Array]> {
  const source = (async function* () {
    yield bytes;
  })();
  for await (const { header, body } of readTar(source, { maxTotalBytes: maxArchiveBytes })) {
    if (header.type !== "file") continue;
    const chunks: Uint8Array[] = [];
    for await (const chunk of body) chunks.push(chunk);
    yield [header.name, Buffer.concat(chunks)];
  }
}
