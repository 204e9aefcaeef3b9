import { randomUUID } from "node:crypto";
import { abortable, type Deferred, deferred } from "#base/async.ts";
import { CancelledError, ConflictError } from "#base/errors.ts";
import { type Exporter, STATUS_RESPONSE, type SolveResponse } from "#spec/buildkit/control.ts";
import type { CacheOptionsEntry } from "#spec/buildkit/shared.ts";
import { UPLOAD_HOST } from "#spec/buildkit/session.ts";
import { solve, type SolveParts } from "./control/solve.ts";

/** `POST /build?version=2`: a build with a session, as clients before buildx ask for it. */
export interface EndpointBuildRequest {
  /** The client's name for it, which `cancel` and its uploads go by; empty for none. */
  readonly id: string;
  readonly sessionId: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly exporters: readonly Exporter[];
  readonly cacheImports: readonly CacheOptionsEntry[];
  /** The image tells in its configuration what its layers were made by. */
  readonly isInlineCache: boolean;
  /** Where the context is: the session's folder, a URL, what `upload` brings, or these bytes. */
  readonly context:
    | { readonly kind: "session" }
    | { readonly kind: "upload" }
    | { readonly kind: "remote"; readonly url: string }
    | { readonly kind: "body"; readonly bytes: AsyncIterable<Uint8Array> };
}

/** One line of the answer. */
export interface EndpointBuildLine {
  readonly id: "moby.buildkit.trace" | "moby.image.id";
  /** `StatusResponse` in base64, or the image's id. */
  readonly aux: string | { readonly ID: string };
}

/** An upload that its build has not come for by then is refused. */
const UPLOAD_WAIT_MS = 60_000;

interface Upload {
  readonly bytes: AsyncIterable<Uint8Array>;
  readonly taken: Deferred<void>;
}

/** What the endpoints `/build` and `/build/cancel` do for clients of BuildKit that have no gRPC of their own. */
export class BuildEndpoint {
  readonly #parts: SolveParts;
  readonly #running = new Map<string, AbortController>();
  readonly #uploads = new Map<string, Upload>();
  readonly #awaited = new Map<string, Deferred<Upload>>();

  constructor(parts: SolveParts) {
    this.#parts = parts;
  }

  /**
   * Builds, telling it line by line.
   *
   * @param write Resolves when the client can take more.
   * @throws What is wrong, before the first line or after it.
   */
  async build(
    request: EndpointBuildRequest,
    write: (line: EndpointBuildLine) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    const ref = request.id || randomUUID();
    if (this.#running.has(ref)) throw new ConflictError(`build ${ref} is running already`);
    const cancelling = new AbortController();
    this.#running.set(ref, cancelling);
    const either = AbortSignal.any([signal, cancelling.signal]);
    try {
      await using stack = new AsyncDisposableStack();
      const upload = await this.#uploadOf(request, ref, stack, either);
      await this.#solve(ref, request, { upload, write }, either);
    } finally {
      this.#running.delete(ref);
    }
  }

  /** Brings the context of a build that asks for it; resolves when that has read it. */
  async upload(id: string, bytes: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void> {
    if (this.#uploads.has(id)) throw new ConflictError(`build ${id} has its context already`);
    const upload = { bytes, taken: deferred() };
    const awaited = this.#awaited.get(id);
    if (awaited) awaited.resolve(upload);
    else this.#uploads.set(id, upload);
    const limit = AbortSignal.timeout(UPLOAD_WAIT_MS);
    try {
      // one that is being read goes on for as long as it takes
      const isRead = awaited !== undefined;
      await abortable(upload.taken.promise, isRead ? signal : AbortSignal.any([signal, limit]));
    } finally {
      if (this.#uploads.get(id) === upload) this.#uploads.delete(id);
    }
  }

  /** Ends a build; one that is not there, or no more, is none of the caller's concern. */
  cancel(id: string): void {
    this.#running.get(id)?.abort(new CancelledError("context canceled"));
  }

  async #uploadOf(
    { context }: EndpointBuildRequest,
    ref: string,
    stack: AsyncDisposableStack,
    signal: AbortSignal,
  ): Promise<AsyncIterable<Uint8Array> | undefined> {
    if (context.kind === "body") return context.bytes;
    if (context.kind !== "upload") return undefined;
    const waiting = deferred<Upload>();
    this.#awaited.set(ref, waiting);
    stack.defer(() => void this.#awaited.delete(ref));
    const here = this.#uploads.get(ref);
    if (here) waiting.resolve(here);
    const limit = AbortSignal.any([signal, AbortSignal.timeout(UPLOAD_WAIT_MS)]);
    const { bytes, taken } = await abortable(waiting.promise, limit);
    this.#uploads.delete(ref);
    stack.defer(() => taken.resolve());
    return bytes;
  }

  async #solve(
    ref: string,
    request: EndpointBuildRequest,
    given: {
      readonly upload: AsyncIterable<Uint8Array> | undefined;
      readonly write: (line: EndpointBuildLine) => Promise<void>;
    },
    signal: AbortSignal,
  ): Promise<void> {
    const { write, upload } = given;
    const solving = solve(
      this.#parts,
      {
        ref,
        definition: undefined,
        exporterType: "",
        exporterAttributes: new Map(),
        sessionId: request.sessionId,
        frontend: "dockerfile.v0",
        frontendAttributes: new Map(
          Object.entries({ ...request.attributes, ...contextOf(request) }),
        ),
        cache: {
          exports: request.isInlineCache ? [{ type: "inline", attributes: new Map() }] : [],
          imports: request.cacheImports,
        },
        entitlements: [],
        frontendInputs: new Map(),
        isInternal: false,
        exporters: request.exporters,
      },
      signal,
      upload,
    );
    const telling = this.#tell(ref, solving, write, signal);
    const [solved, told] = await Promise.allSettled([solving, telling]);
    if (solved.status === "rejected") throw solved.reason;
    if (told.status === "rejected") throw told.reason;
    const id = solved.value.exporterResponse.get("containerimage.config.digest") ?? "";
    if (id !== "") await write({ id: "moby.image.id", aux: { ID: id } });
  }

  /** Tells the progress of a build to its end, which ends it. */
  async #tell(
    ref: string,
    solving: Promise<SolveResponse>,
    write: (line: EndpointBuildLine) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    const begun = new AbortController();
    // one that fails before it begins never gets a progress
    solving.catch(() => begun.abort());
    const build = await this.#parts.builds
      .find(ref, AbortSignal.any([signal, begun.signal]))
      .catch(() => undefined);
    if (!build) return;
    for await (const item of build.progress.read(signal)) {
      const aux = Buffer.from(STATUS_RESPONSE.encode(item)).toString("base64");
      await write({ id: "moby.buildkit.trace", aux });
    }
  }
}

/** What the attribute `context` says of a context that is no folder of the session's. */
function contextOf({ context }: EndpointBuildRequest): Readonly<Record<string, string>> {
  switch (context.kind) {
    case "session":
      return {};
    case "remote":
      return { context: context.url };
    case "upload":
    case "body":
      return { context: `http://${UPLOAD_HOST}/request` };
  }
}
