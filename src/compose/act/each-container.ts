import type { Project } from "#compose/model/project.ts";
import { noSuchService } from "#compose/select-services.ts";
import { observeContainers, type ObservedContainer } from "#compose/observe/observed.ts";
import type { ActParts } from "./act-parts.ts";

/** Whose containers are meant. */
export interface Meant {
  readonly projectName: string;
  /** Undefined where there are no files: the labels say what there is. */
  readonly project: Project | undefined;
  /** None for all. */
  readonly services: readonly string[];
}

/** @throws {NotFoundError} A service is not the project's. */
export async function meantContainers(
  { projectName, project, services }: Meant,
  parts: Pick<ActParts, "engine">,
  { withOneOffs = false }: { readonly withOneOffs?: boolean } = {},
): Promise<readonly ObservedContainer[]> {
  for (const name of services) {
    if (project && !project.services.has(name)) throw noSuchService(project, name);
  }
  const all = await observeContainers(parts.engine, projectName, { withOneOffs });
  return all.filter(({ service }) => services.length === 0 || services.includes(service));
}

/** The same of all at once: `Pausing`, then `Paused`. */
export async function eachContainer(
  containers: readonly ObservedContainer[],
  parts: ActParts,
  words: readonly [doing: string, done: string],
  act: (container: ObservedContainer) => Promise<unknown>,
): Promise<void> {
  await Promise.all(
    containers.map((container) =>
      parts.slots.run(async () => {
        const { name } = container;
        parts.onProgress({ kind: "Container", name, status: words[0] });
        await act(container);
        parts.onProgress({ kind: "Container", name, status: words[1] });
      }),
    ),
  );
}
