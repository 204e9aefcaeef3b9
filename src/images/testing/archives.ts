import { gzipSync } from "node:zlib";
import { type TarHeader, tarHeader } from "#base/tar/header.ts";
import { type TarMember, writeTar } from "#base/tar/writer.ts";
import { type Digest, digestHex, digestOf } from "#spec/digest.ts";

/** A member in short: `{ name: "a", body: "text" }`; the type follows from what is given. */
export type Member = Partial<Omit<TarHeader, "sizeBytes">> & {
  readonly name: string;
  readonly body?: string | Uint8Array;
};

export async function tarOf(members: readonly Member[]): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of writeTar(members.map(toMember))) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function toMember({ body, ...fields }: Member): TarMember {
  const bytes = Buffer.from(body ?? "");
  const type = fields.type ?? (fields.name.endsWith("/") ? "directory" : "file");
  return { header: tarHeader({ ...fields, type, sizeBytes: bytes.length }), body: bytes };
}

export interface ImageSpec {
  readonly layers: readonly Buffer[];
  readonly tags?: readonly string[];
  readonly config?: object;
  readonly packed?: boolean;
  readonly diffIds?: readonly string[];
  readonly created?: string;
  /** `amd64` when absent. */
  readonly architecture?: string;
}

export interface BuiltImage {
  readonly id: Digest;
  readonly config: Buffer;
}

export function configOf(spec: ImageSpec): BuiltImage {
  const config = Buffer.from(
    JSON.stringify({
      architecture: spec.architecture ?? "amd64",
      os: "linux",
      created: spec.created ?? "2024-01-02T03:04:05Z",
      config: spec.config ?? { Cmd: ["sh"] },
      rootfs: { type: "layers", diff_ids: spec.diffIds ?? spec.layers.map((tar) => digestOf(tar)) },
      history: spec.layers.map((_, index) => ({ created_by: `layer ${index}` })),
    }),
  );
  return { id: digestOf(config), config };
}

/** An archive as `docker save` made it from 1.10 to 24. */
export async function dockerArchive(specs: readonly ImageSpec[]): Promise<Buffer> {
  const members = new Map<string, Member>();
  const manifest = specs.map((spec) => {
    const { id, config } = configOf(spec);
    const configName = `${digestHex(id)}.json`;
    members.set(configName, { name: configName, body: config });
    const layers = spec.layers.map((tar) => {
      const name = `${digestHex(digestOf(tar))}/layer.tar`;
      members.set(name, { name, body: spec.packed ? gzipSync(tar) : tar });
      return name;
    });
    return { Config: configName, RepoTags: spec.tags ?? null, Layers: layers };
  });
  members.set("manifest.json", { name: "manifest.json", body: JSON.stringify(manifest) });
  return await tarOf([...members.values()]);
}

export async function* streamOf(bytes: Uint8Array, chunkBytes = 65_536): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
}
