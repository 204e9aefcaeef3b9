import { NotFoundError, UnsupportedError } from "#base/errors.ts";
import type { Project, Service } from "#compose/model/project.ts";
import type { ActParts } from "./act-parts.ts";

export type PullChoice = "policy" | "always" | "missing" | "never" | "build";

/** The reference of a service's image: what is built has the service's name. */
export function imageOf(project: Project, name: string, service: Service): string {
  return service.image ?? `${project.name}-${name}`;
}

/**
 * Sees that every image is there, pulling what is missing or wanted anew.
 *
 * @returns Ids by reference.
 * @throws {NotFoundError} One is missing and may not be pulled. {UnsupportedError} It would have to be built.
 */
export async function ensureImages(
  project: Project,
  parts: ActParts,
  options: { readonly pull: PullChoice; readonly isQuiet: boolean },
): Promise<ReadonlyMap<string, string>> {
  const wanted = new Map<string, readonly [name: string, service: Service]>();
  for (const [name, service] of project.services) {
    if (service.provider) continue;
    const reference = imageOf(project, name, service);
    if (!wanted.has(reference)) wanted.set(reference, [name, service]);
  }
  const found = await Promise.all(
    [...wanted].map(async ([reference, [name, service]]): Promise<[string, string]> => {
      const id = await parts.slots.run(() =>
        ensureImage({ reference, name, service }, parts, options),
      );
      return [reference, id];
    }),
  );
  return new Map(found);
}

interface WantedImage {
  readonly reference: string;
  readonly name: string;
  readonly service: Service;
}

async function ensureImage(
  { reference, name, service }: WantedImage,
  parts: ActParts,
  options: { readonly pull: PullChoice; readonly isQuiet: boolean },
): Promise<string> {
  const policy = pullPolicy(service, options.pull);
  const there = await imageId(reference, parts);
  if (there !== undefined && !(isPulledAnew(policy) && service.build === undefined)) return there;
  if (service.build !== undefined) {
    throw new UnsupportedError(
      `services.${name}: the image ${reference} is not there, and this version cannot build it: build and tag it first`,
    );
  }
  if (policy === "never") {
    throw new NotFoundError(
      `services.${name}: the image ${reference} is not there, and pull_policy is never`,
    );
  }
  const report = options.isQuiet ? () => {} : parts.onProgress;
  report({ kind: "Image", name: reference, status: "Pulling" });
  if (parts.isDryRun) return there ?? reference;
  await pullImage(reference, service.platform, parts);
  report({ kind: "Image", name: reference, status: "Pulled" });
  const pulled = await imageId(reference, parts);
  if (pulled === undefined)
    throw new NotFoundError(`the image ${reference} is gone after its pull`);
  return pulled;
}

/** What the flag says, else the service. */
export function pullPolicy(service: Service, asked: PullChoice): string {
  return asked === "policy" ? (service.pull_policy ?? "missing") : asked;
}

/** Whether an image that is there is pulled all the same. */
export function isPulledAnew(policy: string): boolean {
  return policy === "always" || policy === "refresh" || /^(?:daily|weekly|every_)/.test(policy);
}

/** @returns Undefined where there is none. */
export async function imageId(
  reference: string,
  { engine }: Pick<ActParts, "engine">,
): Promise<string | undefined> {
  try {
    const path = `/images/${encodeURIComponent(reference)}/json`;
    return (await engine.getJson<{ readonly Id: string }>(path)).Id;
  } catch (error) {
    if (error instanceof NotFoundError) return undefined;
    throw error;
  }
}

interface PullMessage {
  readonly error?: string;
}

/** @throws {NotFoundError} The registry's answer is an error. */
export async function pullImage(
  reference: string,
  platform: string | undefined,
  { engine, signal }: ActParts,
): Promise<void> {
  const [, name = reference, tag = "latest"] = /^(.*?)(?::([^/:@]+))?$/.exec(reference) ?? [];
  const isDigest = reference.includes("@");
  const messages = engine.messages<PullMessage>("POST", "/images/create", {
    query: {
      fromImage: isDigest ? reference : name,
      ...(isDigest ? {} : { tag }),
      ...(platform === undefined ? {} : { platform }),
    },
    ...(signal === undefined ? {} : { signal }),
  });
  for await (const { error } of messages) {
    if (error !== undefined) throw new NotFoundError(`cannot pull ${reference}: ${error}`);
  }
}
