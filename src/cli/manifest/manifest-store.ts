import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { NotFoundError } from "#base/errors.ts";
import { stringifyJsonHtml } from "#base/json.ts";
import { formatImageReference, type ImageReference } from "#spec/reference.ts";
import {
  type ListedManifest,
  listedManifestToWire,
  parseListedManifest,
} from "./listed-manifest.ts";

/**
 * Manifest lists that are not pushed yet, where docker's client keeps them and as it does, so that a list
 * that one has begun can be finished by the other: a folder a list, a file an image.
 */
export class ManifestStore {
  readonly #root: string;

  /** @param configDir Folder of `config.json`. */
  constructor(configDir: string) {
    this.#root = join(configDir, "manifests");
  }

  has(list: ImageReference): boolean {
    return existsSync(this.#folder(list));
  }

  /** @throws {NotFoundError} There is no such list, or the image is not in it. */
  get(list: ImageReference, image: ImageReference): ListedManifest {
    const file = join(this.#folder(list), fileName(image));
    if (!existsSync(file)) throw missing(image);
    return parseListedManifest(readFileSync(file, "utf8"));
  }

  /** By name. @throws {NotFoundError} There is no such list. */
  list(list: ImageReference): readonly ListedManifest[] {
    const folder = this.#folder(list);
    if (!existsSync(folder)) throw missing(list);
    const files = readdirSync(folder)
      .filter((name) => !name.startsWith("."))
      .toSorted();
    return files.map((name) => parseListedManifest(readFileSync(join(folder, name), "utf8")));
  }

  save(list: ImageReference, image: ImageReference, manifest: ListedManifest): void {
    const folder = this.#folder(list);
    mkdirSync(folder, { recursive: true, mode: 0o755 });
    const file = join(folder, fileName(image));
    const draft = join(folder, `.${fileName(image)}.${process.pid}`);
    writeFileSync(draft, stringifyJsonHtml(listedManifestToWire(manifest)), { mode: 0o644 });
    renameSync(draft, file);
  }

  /** Nothing happens where there is no such list. */
  remove(list: ImageReference): void {
    rmSync(this.#folder(list), { recursive: true, force: true });
  }

  #folder(list: ImageReference): string {
    return join(this.#root, fileName(list));
  }
}

function missing(reference: ImageReference): NotFoundError {
  return new NotFoundError(`No such manifest: ${formatImageReference(reference)}`);
}

function fileName(reference: ImageReference): string {
  return formatImageReference(reference).replaceAll(":", "-").replaceAll("/", "_");
}
