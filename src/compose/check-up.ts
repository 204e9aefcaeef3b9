import { existsSync } from "node:fs";
import { FailedPreconditionError, InvalidArgumentError, NotFoundError } from "#base/errors.ts";
import type { FileReference, Project, Service } from "./model/project.ts";
import { type PortClash, portClash } from "./plan/port-clash.ts";
import type { UpPlan } from "./plan/plan-up.ts";

/**
 * What would fail in the middle of an `up`, found before it begins: files and variables of secrets and configs
 * that are not there, ports that two containers want.
 *
 * @param isLocal Whether the engine sees this host's files.
 * @throws {NotFoundError} {InvalidArgumentError} Pointing at file, line and column.
 */
export function checkFileObjects(
  project: Project,
  { isLocal }: { readonly isLocal: boolean },
): void {
  for (const [name, service] of project.services) {
    check(project, name, service, "secrets", isLocal);
    check(project, name, service, "configs", isLocal);
  }
}

function check(
  project: Project,
  name: string,
  service: Service,
  kind: "secrets" | "configs",
  isLocal: boolean,
): void {
  const references: readonly FileReference[] = service[kind] ?? [];
  for (const { source = "" } of references) {
    const object = project[kind].get(source);
    if (!object) continue;
    const { file, environment } = object;
    const said = (key: string): string =>
      `${project.locate([kind, source, key])}${kind}.${source}.${key}`;
    if (file !== undefined && isLocal && !existsSync(file)) {
      throw new NotFoundError(
        `${said("file")}: ${file} is not there, and services.${name} needs it`,
      );
    }
    if (environment !== undefined && !project.environment.has(environment)) {
      throw new InvalidArgumentError(
        `${said("environment")}: the variable ${environment} is not set, and services.${name} needs it`,
      );
    }
  }
}

/** @throws {FailedPreconditionError} Two containers want a port of the host, or somebody has it. */
export function checkPorts(
  project: Project,
  plan: UpPlan,
  isTaken: (port: { readonly protocol: string; readonly port: number }) => boolean,
): void {
  const clash = portClash(project, plan, isTaken);
  if (clash === undefined) return;
  const { service, index } = clash;
  const place = project.locate(["services", service, "ports", index]);
  throw new FailedPreconditionError(
    `${place}services.${service}.ports[${index}]: ${clashText(clash)}`,
  );
}

function clashText({ port, protocol, other }: PortClash): string {
  const named = `port ${port}/${protocol} of the host`;
  return other === undefined
    ? `${named} is in use by something else: stop that, or publish another port`
    : `${named} is published by ${other}, too: publish another port, or a range`;
}
