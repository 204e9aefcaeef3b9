import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { mustRun } from "../command.ts";

interface WireDescriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly platform?: { readonly architecture: string };
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface WireDocument {
  readonly mediaType: string;
  readonly manifests?: readonly WireDescriptor[];
  readonly layers?: readonly WireDescriptor[];
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface WireStatement {
  readonly predicateType: string;
  readonly subject: readonly {
    readonly name: string;
    readonly digest: { readonly sha256: string };
  }[];
  readonly predicate: Readonly<Record<string, unknown>>;
}

/** An OCI layout that a build has written as a tar. */
export class BuiltLayout {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async open(tar: string): Promise<BuiltLayout> {
    const folder = `${tar}.d`;
    mkdirSync(folder);
    await mustRun(["tar", "-xf", tar, "-C", folder]);
    return new BuiltLayout(folder);
  }

  text(digest: string): string {
    return readFileSync(join(this.#folder, "blobs", digest.replace(":", "/")), "utf8");
  }

  document(digest: string): WireDocument {
    return JSON.parse(this.text(digest)) as WireDocument;
  }

  /** The one entry of `index.json`. */
  get top(): WireDescriptor {
    const index = JSON.parse(readFileSync(join(this.#folder, "index.json"), "utf8"));
    return index.manifests[0] as WireDescriptor;
  }

  /** Manifests of the image's index that are images. */
  get images(): readonly WireDescriptor[] {
    const entries = this.document(this.top.digest).manifests ?? [];
    return entries.filter(({ annotations }) => !annotations?.["vnd.docker.reference.type"]);
  }

  /** What is stated of an image. */
  statements(image: string): readonly WireStatement[] {
    const entries = this.document(this.top.digest).manifests ?? [];
    const own = entries.filter(
      ({ annotations }) => annotations?.["vnd.docker.reference.digest"] === image,
    );
    return own
      .flatMap(({ digest }) => this.document(digest).layers ?? [])
      .map(({ digest }) => JSON.parse(this.text(digest)) as WireStatement);
  }
}
