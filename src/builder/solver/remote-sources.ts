import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { FileAction } from "#builder/graph/step.ts";
import type { BuilderParts } from "#builder/parts.ts";
import { checkOut, type GitCheckout, parseGitReference } from "#builder/remote/git-source.ts";
import { type FetchedFile, fetchFile } from "#builder/remote/http-source.ts";

type HttpAction = Extract<FileAction, { readonly kind: "http" }>;
type GitAction = Extract<FileAction, { readonly kind: "git" }>;

/** What a build fetches by URL, each once, in a folder that goes with the build. */
export class RemoteSources implements Disposable {
  readonly #parts: Pick<BuilderParts, "directory" | "processes" | "randomBytes">;
  readonly #signal: AbortSignal;
  readonly #files = new Map<string, Promise<FetchedFile>>();
  readonly #checkouts = new Map<string, Promise<GitCheckout>>();
  #folder: string | undefined;
  #next = 1;

  constructor(
    parts: Pick<BuilderParts, "directory" | "processes" | "randomBytes">,
    signal: AbortSignal,
  ) {
    this.#parts = parts;
    this.#signal = signal;
  }

  [Symbol.dispose](): void {
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true });
  }

  file({ url, checksum }: HttpAction): Promise<FetchedFile> {
    const key = `${url} ${checksum ?? ""}`;
    let fetched = this.#files.get(key);
    if (!fetched) {
      const checked = checksum === undefined ? {} : { checksum };
      const directory = this.#directory();
      fetched = fetchFile({ url, directory, number: this.#next++, ...checked }, this.#signal);
      this.#files.set(key, fetched);
    }
    return fetched;
  }

  checkout({ url, checksum, keepsGitDirectory }: GitAction): Promise<GitCheckout> {
    const key = `${url} ${checksum ?? ""} ${keepsGitDirectory}`;
    let fetched = this.#checkouts.get(key);
    if (!fetched) {
      const directory = join(this.#directory(), `git-${this.#next++}`);
      mkdirSync(directory, { mode: 0o700 });
      const reference = {
        ...parseGitReference(url),
        ...(checksum === undefined ? {} : { checksum }),
        ...(keepsGitDirectory === undefined ? {} : { keepsGitDirectory }),
      };
      fetched = checkOut(this.#parts.processes, reference, directory, this.#signal);
      this.#checkouts.set(key, fetched);
    }
    return fetched;
  }

  #directory(): string {
    if (this.#folder !== undefined) return this.#folder;
    const { directory, randomBytes } = this.#parts;
    // beside the contexts, which go when the engine starts
    this.#folder = join(directory, "contexts", Buffer.from(randomBytes(8)).toString("hex"));
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    return this.#folder;
  }
}
