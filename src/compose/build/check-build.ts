import { statSync } from "node:fs";
import { FailedPreconditionError, InvalidArgumentError, UnsupportedError } from "#base/errors.ts";
import type { TreePath } from "#compose/file/tree.ts";
import type { Build, Project } from "#compose/model/project.ts";
import { type BuildTarget, dockerfilePath, isRemoteContext, serviceOfContext } from "./targets.ts";

/**
 * What would fail a build on the client's side, found before any build begins: folders, Dockerfiles and secrets that are not
 * there.
 *
 * @throws {FailedPreconditionError} {InvalidArgumentError} {UnsupportedError} At file, line and column.
 */
export function checkBuild(project: Project, { name, build }: BuildTarget): void {
  const at = (...path: TreePath): string => {
    const place = project.locate(["services", name, "build", ...path]);
    return `${place}services.${name}.build.${path.join(".")}: `;
  };
  const { isolation, context = "." } = build;
  if (isolation !== undefined && isolation !== "" && isolation !== "default") {
    throw new UnsupportedError(`${at("isolation")}only Windows containers have it`);
  }
  if (!isRemoteContext(context)) {
    checkFolder(context, `${at("context")}unable to prepare context: `);
    checkDockerfile(build, at("dockerfile"));
  }
  for (const [id, place] of build.additional_contexts ?? []) {
    checkContext(project, place, at("additional_contexts", id));
  }
  for (const [index, { source = "" }] of (build.secrets ?? []).entries()) {
    checkSecret(project, source, at("secrets", index));
  }
}

function checkFolder(path: string, at: string): void {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found?.isDirectory()) return;
  const what = JSON.stringify(path);
  throw new FailedPreconditionError(
    found ? `${at}context must be a directory: ${path}` : `${at}path ${what} not found`,
  );
}

function checkDockerfile(build: Build, at: string): void {
  const path = dockerfilePath(build);
  if (build.dockerfile_inline !== undefined || isRemoteContext(path)) return;
  if (statSync(path, { throwIfNoEntry: false })?.isFile()) return;
  throw new FailedPreconditionError(
    `${at}failed to read dockerfile: open ${path}: no such file or directory`,
  );
}

function checkContext(project: Project, place: string, at: string): void {
  const other = serviceOfContext(place);
  if (other === undefined) {
    const isFolder = !/^(?:docker-image|oci-layout|target):/.test(place) && !isRemoteContext(place);
    if (isFolder) checkFolder(place, at);
  } else if (!project.services.has(other) && !project.disabledServices.has(other)) {
    throw new InvalidArgumentError(`${at}no such service: ${other}`);
  }
}

function checkSecret(project: Project, source: string, at: string): void {
  const { file, environment } = project.secrets.get(source) ?? {};
  if (file !== undefined) {
    if (statSync(file, { throwIfNoEntry: false })?.isFile()) return;
    throw new InvalidArgumentError(`${at}secret ${source}: ${file} is no file`);
  }
  if (environment === undefined) {
    throw new InvalidArgumentError(`${at}unsupported external secret ${source}`);
  }
  if (project.environment.has(environment)) return;
  throw new InvalidArgumentError(`${at}secret ${source}: ${environment} is not set`);
}
