import { resolve } from "node:path";
import { InvalidArgumentError } from "#base/errors.ts";
import { tarHeader } from "#base/tar/header.ts";
import { type TarMember, writeTar } from "#base/tar/writer.ts";
import type { FileReference, Project, Service } from "#compose/model/project.ts";
import type { ActParts } from "./act-parts.ts";

/** Read by everybody: Docker's default for configs and secrets. */
const DEFAULT_MODE = 0o444;

/**
 * Puts configs and secrets whose content is in the file or the environment into a container that has not
 * started; those that are files are mounts.
 *
 * @throws {InvalidArgumentError} Its variable is not set.
 */
export async function injectFileObjects(
  project: Project,
  service: Service,
  containerId: string,
  { engine }: ActParts,
): Promise<void> {
  const files = [
    ...contentsOf(project, "secret", service.secrets ?? []),
    ...contentsOf(project, "config", service.configs ?? []),
  ];
  if (files.length === 0) return;
  await engine.send("PUT", `/containers/${containerId}/archive`, {
    query: { path: "/", noOverwriteDirNonDir: true },
    stream: writeTar(files.map(toMember)),
    contentType: "application/x-tar",
  });
}

interface ContentFile {
  readonly path: string;
  readonly content: string;
  readonly reference: FileReference;
}

function contentsOf(
  project: Project,
  kind: "config" | "secret",
  references: readonly FileReference[],
): readonly ContentFile[] {
  return references.flatMap((reference) => {
    const { source = "", target } = reference;
    const object = (kind === "secret" ? project.secrets : project.configs).get(source);
    if (!object || object.file !== undefined) return [];
    const { environment } = object;
    const content =
      environment === undefined ? object.content : project.environment.get(environment);
    if (content === undefined) {
      throw new InvalidArgumentError(
        `the ${kind} ${source} takes its content from ${environment ?? "nothing"}, which is not set`,
      );
    }
    const folder = kind === "secret" ? "/run/secrets" : "/";
    return [{ path: resolve(folder, target ?? source), content, reference }];
  });
}

function toMember({ path, content, reference }: ContentFile): TarMember {
  const bytes = Buffer.from(content);
  const header = tarHeader({
    name: path.slice(1),
    type: "file",
    mode: reference.mode ?? DEFAULT_MODE,
    uid: Number(reference.uid ?? 0),
    gid: Number(reference.gid ?? 0),
    sizeBytes: bytes.length,
  });
  return { header, body: bytes };
}
