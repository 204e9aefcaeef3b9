import { messageOf, NotFoundError } from "#base/errors.ts";
import { imageOf } from "#compose/build/targets.ts";
import type { Project, Service } from "#compose/model/project.ts";
import { dependentImages } from "#compose/plan/dependent-images.ts";
import {
  isToPull,
  type KnownImage,
  parsePullPolicy,
  type PullPolicy,
} from "#compose/plan/pull-policy.ts";
import { parseImageReference, repositoryName, withDefaultTag } from "#spec/reference.ts";
import type { ActParts } from "./act-parts.ts";

export type PullChoice = "policy" | "always" | "missing" | "never" | "build";

/** How what is not pulled is made. */
export interface ImageBuilding {
  /** `missing`: what is not there. `all`: everything that can be. `none`: nothing. */
  readonly choice: "missing" | "all" | "none";
  /** Builds the images of these services. */
  build(names: readonly string[]): Promise<void>;
}

export interface ImageOptions {
  readonly pull: PullChoice;
  readonly isQuiet: boolean;
  readonly building: ImageBuilding;
}

/** One image, and the service that says how to get it: of several, the one that can build it. */
export interface WantedImage {
  readonly reference: string;
  readonly name: string;
  readonly service: Service;
  readonly policy: PullPolicy;
  readonly isBuildable: boolean;
}

/**
 * Sees that every image is there: pulls what is missing or wanted anew, then builds what is still missing, or
 * wanted built.
 *
 * @returns Ids by reference.
 * @throws {NotFoundError} One is missing, and may be neither pulled nor built.
 */
export async function ensureImages(
  project: Project,
  parts: ActParts,
  options: ImageOptions,
): Promise<ReadonlyMap<string, string>> {
  const wanted = wantedImages(project, { pull: options.pull, choice: options.building.choice });
  const found = new Map<string, string>();
  const toBuild: WantedImage[] = [];
  await Promise.all(
    wanted.map(async (image) => {
      const id = await parts.slots.run(() => findOrPull(image, parts, options));
      const isRebuilt = image.policy.kind === "build" && image.isBuildable;
      if (id !== undefined && !isRebuilt) found.set(image.reference, id);
      else if (image.isBuildable) toBuild.push(image);
      else throw missing(image);
    }),
  );
  if (toBuild.length === 0) return found;
  await options.building.build(toBuild.map(({ name }) => name));
  for (const { reference } of toBuild) {
    const built = parts.isDryRun ? undefined : await findImage(reference, parts);
    if (!built && !parts.isDryRun) throw new NotFoundError(`the image ${reference} is gone`);
    found.set(reference, built?.id ?? reference);
  }
  return found;
}

/** What images a project's services are made of, and how each is come by. */
export function wantedImages(
  project: Project,
  { pull, choice }: { readonly pull: PullChoice; readonly choice: ImageBuilding["choice"] },
): readonly WantedImage[] {
  const wanted = new Map<string, WantedImage>();
  for (const [name, service] of project.services) {
    if (service.provider) continue;
    const reference = imageOf(project, name, service);
    const isBuildable = service.build !== undefined && choice !== "none";
    if (wanted.has(reference) && !isBuildable) continue;
    const chosen = pull === "policy" ? service.pull_policy : pull;
    const policy: PullPolicy =
      isBuildable && choice === "all" ? { kind: "build" } : parsePullPolicy(chosen);
    wanted.set(reference, { reference, name, service, policy, isBuildable });
  }
  for (const [name, service] of project.services) {
    for (const { reference, user, kind } of dependentImages(name, service)) {
      if (wanted.has(reference)) continue;
      const { build: _build, pull_policy: own, ...rest } = service;
      const chosen = kind === "pre_start" ? own : undefined;
      const asked = parsePullPolicy(pull === "policy" ? chosen : pull);
      const policy: PullPolicy = asked.kind === "build" ? { kind: "missing" } : asked;
      const image = { ...rest, image: reference };
      wanted.set(reference, { reference, name: user, service: image, policy, isBuildable: false });
    }
  }
  return [...wanted.values()];
}

export function missing({ name, reference, policy, service }: WantedImage): NotFoundError {
  const why =
    policy.kind === "never"
      ? ", and pull_policy is never"
      : service.build !== undefined
        ? ", and it is not to be built"
        : "";
  return new NotFoundError(`services.${name}: No such image: ${reference}${why}`);
}

/** @returns Undefined where it has to be built. */
async function findOrPull(
  { reference, name, service, policy, isBuildable }: WantedImage,
  parts: ActParts,
  options: ImageOptions,
): Promise<string | undefined> {
  const there = await findImage(reference, parts);
  // an image without a name of its own is in no registry
  if (service.image === undefined || !isToPull(policy, there, new Date())) return there?.id;
  const report = options.isQuiet ? () => {} : parts.onProgress;
  report({ kind: "Service", name, status: "Pulling" });
  if (parts.isDryRun) return there?.id ?? (isBuildable ? undefined : reference);
  try {
    await pullImage(reference, service.platform, parts);
  } catch (error) {
    if (!isBuildable) {
      report({ kind: "Service", name, status: `Error ${messageOf(error)}` });
      throw error;
    }
    parts.onProgress({ kind: "Service", name, status: `Warning ${messageOf(error)}` });
    return there?.id;
  }
  report({ kind: "Service", name, status: "Pulled" });
  return (await findImage(reference, parts))?.id;
}

interface ImageInspect {
  readonly Id: string;
  readonly Metadata?: { readonly LastTagTime?: string };
}

/** @returns Undefined where it is not there. */
export async function findImage(
  reference: string,
  { engine }: Pick<ActParts, "engine">,
): Promise<KnownImage | undefined> {
  try {
    const path = `/images/${encodeURIComponent(reference)}/json`;
    const { Id, Metadata } = await engine.getJson<ImageInspect>(path);
    const taggedAtMs = Date.parse(Metadata?.LastTagTime ?? "");
    return { id: Id, taggedAtMs: Number.isNaN(taggedAtMs) ? 0 : Math.max(0, taggedAtMs) };
  } catch (error) {
    if (error instanceof NotFoundError) return undefined;
    throw error;
  }
}

interface PullMessage {
  readonly error?: string;
  readonly id?: string;
  readonly status?: string;
}

/**
 * @param onLayer What happens to each layer, where it is another thing than before.
 * @throws {NotFoundError} The registry's answer is an error.
 */
export async function pullImage(
  reference: string,
  platform: string | undefined,
  { engine, signal, registryHeaders }: ActParts,
  onLayer?: (id: string, status: string) => void,
): Promise<void> {
  const states = new Map<string, string>();
  const parsed = withDefaultTag(parseImageReference(reference));
  const messages = engine.messages<PullMessage>("POST", "/images/create", {
    query: {
      fromImage: repositoryName(parsed),
      tag: parsed.digest ?? parsed.tag ?? "",
      ...(platform === undefined ? {} : { platform }),
    },
    headers: await registryHeaders(parsed.domain),
    ...(signal === undefined ? {} : { signal }),
  });
  for await (const { error, id, status } of messages) {
    if (error !== undefined) throw new NotFoundError(error);
    if (id === undefined || status === undefined || states.get(id) === status) continue;
    states.set(id, status);
    if (!status.startsWith("Pulling from ")) onLayer?.(id, status);
  }
}
