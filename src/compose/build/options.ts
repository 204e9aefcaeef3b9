import { InvalidArgumentError } from "#base/errors.ts";
import { LABEL } from "#compose/labels.ts";
import type { Build, Project } from "#compose/model/project.ts";
import type { BuildTarget } from "./targets.ts";

/** What the command line adds to every build. */
export interface BuildOptions {
  /** `NAME` takes its value from the environment, `NAME=value` has it. */
  readonly args: readonly string[];
  readonly isUncached: boolean;
  readonly pulls: boolean;
  /** Of a step; 0 for no limit. */
  readonly memoryBytes: number;
  /** Ids of agents, each with a socket's path; empty for the user's own agent. */
  readonly ssh: ReadonlyMap<string, string>;
  /** One platform alone can be started: that of the service. */
  readonly isForStart: boolean;
  /** Images that have a name of their own go to their registry. */
  readonly isPushed: boolean;
  /** The Dockerfile is held against the build checks, and nothing is built. */
  readonly isChecked: boolean;
  /** Of all images, over what the file says: `true`, `false`, or parameters; empty for what the file says. */
  readonly provenance: string;
  readonly sbom: string;
  /** Of this tool, for the label. */
  readonly version: string;
}

/** A build on the way to a start, as the file says it. */
export function startOptions(version: string): BuildOptions {
  return {
    args: [],
    isUncached: false,
    pulls: false,
    memoryBytes: 0,
    ssh: new Map(),
    isForStart: true,
    isPushed: false,
    isChecked: false,
    provenance: "",
    sbom: "",
    version,
  };
}

/** The service's own labels, under those that tell whose the image is. */
export function labelsOf(
  project: Project,
  { name, build: { labels } }: Pick<BuildTarget, "name" | "build">,
  version: string,
): Readonly<Record<string, string>> {
  return {
    ...Object.fromEntries(labels ?? []),
    [LABEL.project]: project.name,
    [LABEL.service]: name,
    [LABEL.version]: version,
  };
}

/**
 * The file's, under those of the command line; a name without a value takes the environment's, or is left out.
 *
 * @param base What goes before both.
 */
export function buildArguments(
  project: Project,
  { args }: Build,
  given: readonly string[],
  base: ReadonlyMap<string, string> = new Map(),
): ReadonlyMap<string, string> {
  const found = new Map(base);
  const set = (name: string, value: string | null | undefined): void => {
    const known = value ?? project.environment.get(name);
    if (known !== undefined) found.set(name, known);
  };
  for (const [name, value] of args ?? []) set(name, value);
  for (const each of given) {
    const at = each.indexOf("=");
    if (at < 0) set(each, undefined);
    else set(each.slice(0, at), each.slice(at + 1));
  }
  return found;
}

/**
 * @returns Several by commas; undefined for the engine's own.
 * @throws {InvalidArgumentError} The service is for a platform that is not built.
 */
export function platformOf(
  project: Project,
  { name, service, build }: BuildTarget,
  { isForStart }: Pick<BuildOptions, "isForStart">,
): string | undefined {
  const platforms = build.platforms ?? [];
  const asked = project.environment.get("DOCKER_DEFAULT_PLATFORM");
  const chosen = asked ?? service.platform;
  if (chosen !== undefined && platforms.length > 0 && !platforms.includes(chosen)) {
    const what = asked === undefined ? "service.platform" : "DOCKER_DEFAULT_PLATFORM";
    const list = platforms.map((one) => JSON.stringify(one)).join(" ");
    const place = project.locate(["services", name, "build", "platforms"]);
    throw new InvalidArgumentError(
      `${place}services.${name}: ${what} ${JSON.stringify(chosen)} should be part of the service.build.platforms: [${list}]`,
    );
  }
  if (isForStart || platforms.length === 0) return chosen;
  return platforms.join(",");
}
