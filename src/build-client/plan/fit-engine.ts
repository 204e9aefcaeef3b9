import { UnsupportedError } from "#base/errors.ts";
import type { BuildOutput, BuildRequest } from "#build-client/build-request.ts";
import type { WorkerRecord } from "#spec/buildkit/shared.ts";

/** A build as one engine can be asked for it. */
export interface FittedBuild {
  readonly request: BuildRequest;
  /** Names that the engine is asked to push once it has built. */
  readonly pushed: readonly string[];
}

/** Where an engine's images are in BuildKit's own store, its worker names the snapshotter. */
const SNAPSHOTTER_LABEL = "org.mobyproject.buildkit.worker.snapshotter";

/** Whether a request has something that not every engine can do: else there is no need to ask what it can. */
export function isDemanding({ attributes, outputs }: BuildRequest): boolean {
  const platforms = attributes.get("platform")?.includes(",") ?? false;
  return platforms || hasAttestations(attributes) || outputs.some(isImage);
}

/**
 * Fits a request to an engine. One that keeps its images outside of BuildKit, as dockerd does without containerd's store, has
 * no exporter for images but its own, which does not push.
 *
 * @throws {UnsupportedError} Such an engine cannot make what is asked, in buildx's words.
 */
export function fitToEngine(request: BuildRequest, workers: readonly WorkerRecord[]): FittedBuild {
  if (workers.some(({ labels }) => labels.has(SNAPSHOTTER_LABEL))) return { request, pushed: [] };
  const { attributes, outputs } = request;
  if (hasAttestations(attributes)) throw notSupported("Attestation is", "attestations");
  if (attributes.get("platform")?.includes(",")) {
    throw notSupported("Multi-platform build is", "build-multi-platform");
  }
  return {
    request: { ...request, outputs: outputs.map((one) => (isImage(one) ? ownImage(one) : one)) },
    pushed: outputs.flatMap(({ attributes: told }) =>
      told.get("push") === "true" ? (told.get("name") ?? "").split(",") : [],
    ),
  };
}

function hasAttestations(attributes: BuildRequest["attributes"]): boolean {
  return [...attributes.keys()].some((key) => key.startsWith("attest:"));
}

function isImage({ type }: BuildOutput): boolean {
  return type === "image";
}

function ownImage(output: BuildOutput): BuildOutput {
  const attributes = new Map(output.attributes);
  attributes.delete("push");
  return { ...output, type: "moby", attributes };
}

function notSupported(what: string, page: string): UnsupportedError {
  return new UnsupportedError(
    `${what} not supported by the engine's image store: turn on its containerd image store (https://docs.docker.com/go/${page}/)`,
  );
}
