import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { InvalidArgumentError } from "#base/errors.ts";
import type { CacheOptionsEntry } from "#spec/buildkit/shared.ts";

/** Caches in folders of the client's, and the stores that an engine reaches them by. */
export interface PlannedCaches {
  readonly imports: readonly CacheOptionsEntry[];
  readonly exports: readonly CacheOptionsEntry[];
  /** `local:PATH`, as an engine names it, to the folder. */
  readonly stores: ReadonlyMap<string, string>;
}

const REF_NAME = "org.opencontainers.image.ref.name";
const DEFAULT_TAG = "latest";

type Fields = Readonly<Record<string, unknown>>;

function fieldsOf(value: unknown): Fields {
  return typeof value === "object" && value !== null ? { ...value } : {};
}

function manifestsOf(folder: string): readonly Fields[] {
  const path = join(folder, "index.json");
  if (!existsSync(path)) return [];
  const { manifests } = fieldsOf(JSON.parse(readFileSync(path, "utf8")));
  return Array.isArray(manifests) ? manifests.map(fieldsOf) : [];
}

function tagOf(manifest: Fields): unknown {
  return fieldsOf(manifest["annotations"])[REF_NAME];
}

/**
 * Finds what `type=local` means: the manifest of `src` is looked up here, as the engine sees digests alone.
 *
 * @param onMissing Told of a folder without a cache, which is passed over.
 * @throws {InvalidArgumentError} A folder is not named.
 */
export function planCaches(
  imports: readonly CacheOptionsEntry[],
  exports: readonly CacheOptionsEntry[],
  onMissing: (text: string) => void,
): PlannedCaches {
  const stores = new Map<string, string>();
  const store = (name: string): void => void stores.set(`local:${name}`, resolve(name));
  for (const { type, attributes } of exports) {
    if (type !== "local") continue;
    const folder = attributes.get("dest") ?? "";
    if (folder === "") throw new InvalidArgumentError("local cache exporter requires dest");
    store(folder);
  }
  const found = imports.flatMap((entry): readonly CacheOptionsEntry[] => {
    if (entry.type !== "local") return [entry];
    const folder = entry.attributes.get("src") ?? "";
    if (folder === "") throw new InvalidArgumentError("local cache importer requires src");
    store(folder);
    if (entry.attributes.has("digest")) return [entry];
    const tag = entry.attributes.get("tag") ?? DEFAULT_TAG;
    const digest = manifestsOf(folder).find((one) => tagOf(one) === tag)?.["digest"];
    if (typeof digest === "string") {
      return [{ type: "local", attributes: new Map([...entry.attributes, ["digest", digest]]) }];
    }
    onMissing(`local cache import at ${folder} not found: it has no manifest called ${tag}`);
    return [];
  });
  return { imports: found, exports, stores };
}

/**
 * Names what a build has brought into the folders of `type=local`, so that the next one finds it.
 *
 * @param manifest Its descriptor, in JSON; the exporter's answer.
 */
export function tagLocalCaches(exports: readonly CacheOptionsEntry[], manifest: string): void {
  for (const { type, attributes } of exports) {
    if (type !== "local") continue;
    const folder = resolve(attributes.get("dest") ?? "");
    const tag = attributes.get("tag") ?? DEFAULT_TAG;
    const descriptor = fieldsOf(JSON.parse(manifest));
    const annotations = { ...fieldsOf(descriptor["annotations"]), [REF_NAME]: tag };
    const others = manifestsOf(folder).filter((one) => tagOf(one) !== tag);
    const manifests = [...others, { ...descriptor, annotations }];
    mkdirSync(folder, { recursive: true });
    const index = join(folder, "index.json");
    writeFileSync(`${index}.new`, JSON.stringify({ schemaVersion: 2, manifests }));
    renameSync(`${index}.new`, index);
    writeFileSync(join(folder, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  }
}
