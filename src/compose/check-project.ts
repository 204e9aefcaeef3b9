import { nearestWord } from "#base/nearest.ts";
import { composeError, type Positions } from "./file/positions.ts";
import type { Mapping, TreePath } from "./file/tree.ts";
import type { Project, Service } from "./model/project.ts";

/** Containers of one service: far more than an engine runs. */
export const MAX_SCALE = 10_000;
const MAX_PORT = 65_535;

/** What is checked, and where it stands in the files. */
export interface Checked {
  readonly project: Project;
  readonly tree: Mapping;
  readonly positions: Positions;
}

/**
 * What the schema cannot say: that what is referred to is there, that nothing is said twice in two ways, that
 * no service waits for itself. The messages are docker compose's.
 *
 * @throws {InvalidArgumentError} Pointing at file, line and column.
 */
export function checkProject(checked: Checked): void {
  const { project } = checked;
  for (const [name, service] of project.services) {
    checkService(checked, name, service);
    checkReferences(checked, name, service);
    checkDependencies(checked, name, service);
  }
  checkContainerNames(checked);
  for (const [name, volume] of project.volumes) {
    if (volume.external && (volume.driver !== undefined || volume.driver_opts !== undefined)) {
      fail(checked, ["volumes", name], "conflicting parameters with external");
    }
  }
  for (const [kind, objects] of [
    ["secrets", project.secrets],
    ["configs", project.configs],
  ] as const) {
    for (const [name, object] of objects) {
      if (object.external || object.driver !== undefined) continue;
      const { file, environment, content } = object;
      const ways = [file, environment, content].filter((way) => way !== undefined);
      if (ways.length !== 1) {
        const what =
          ways.length === 0
            ? "one of file, environment or external must be set"
            : "only one of file, environment and content can be set";
        fail(checked, [kind, name], what);
      }
    }
  }
  checkCircles(checked);
}

function fail({ tree, positions }: Checked, path: TreePath, what: string): never {
  throw composeError({
    position: positions.find(tree, path),
    what: `${what}: invalid compose project`,
  });
}

function checkService(checked: Checked, name: string, service: Service): void {
  const path = ["services", name];
  const say = (key: string, what: string): never => fail(checked, [...path, key], what);
  if (!service.image && !service.build && !service.provider) {
    fail(checked, path, `service "${name}" has neither an image nor a build context specified`);
  }
  if (service.network_mode !== undefined && (service.networks?.size ?? 0) > 0) {
    say(
      "network_mode",
      `service ${name} declares mutually exclusive \`network_mode\` and \`networks\``,
    );
  }
  const scale = service.scale ?? service.deploy?.replicas ?? 1;
  if (service.scale !== undefined && service.deploy?.replicas !== undefined) {
    if (service.scale !== service.deploy.replicas) {
      say("scale", `services.${name}: can't set distinct values on 'scale' and 'deploy.replicas'`);
    }
  }
  if (scale > MAX_SCALE) {
    const key = service.scale === undefined ? "deploy" : "scale";
    say(
      key,
      `services.${name}: ${scale} containers are more than the ${MAX_SCALE} that are allowed`,
    );
  }
  for (const port of service.expose ?? []) {
    const [, first, last = first] = /^(\d+)(?:-(\d+))?(?:\/\w+)?$/.exec(port) ?? [];
    if (first !== undefined && Number(last) >= Number(first) && Number(last) <= MAX_PORT) continue;
    say("expose", `services.${name}.expose: ${JSON.stringify(port)} is no port or range of ports`);
  }
  if (service.container_name !== undefined && scale > 1) {
    say(
      "container_name",
      `services.${name}: can't set container_name and scale as container name must be unique`,
    );
  }
  const { limits, reservations } = service.deploy?.resources ?? {};
  const pairs = [
    ["cpus", "limits.cpus", service.cpus, limits?.cpus],
    ["mem_limit", "limits.memory", service.mem_limit, limits?.memory],
    ["mem_reservation", "reservations.memory", service.mem_reservation, reservations?.memory],
    ["pids_limit", "limits.pids", service.pids_limit, limits?.pids],
  ] as const;
  for (const [key, other, value, otherValue] of pairs) {
    if (value !== undefined && otherValue !== undefined && value !== otherValue) {
      say(
        key,
        `services.${name}: can't set distinct values on '${key}' and 'deploy.resources.${other}'`,
      );
    }
  }
  if (service.healthcheck?.start_interval && !service.healthcheck.start_period) {
    say(
      "healthcheck",
      `services.${name}.healthcheck: start_interval requires start_period to be set`,
    );
  }
}

function checkContainerNames(checked: Checked): void {
  const holders = new Map<string, string>();
  for (const [name, { container_name: asked }] of checked.project.services) {
    if (asked === undefined) continue;
    const holder = holders.get(asked);
    holders.set(asked, name);
    if (holder === undefined) continue;
    const what = `services.${name}: container name "${asked}" is already in use by service ${holder}`;
    fail(checked, ["services", name, "container_name"], what);
  }
}

function checkReferences(checked: Checked, name: string, service: Service): void {
  const { project } = checked;
  const path = ["services", name];
  for (const key of service.networks?.keys() ?? []) {
    if (project.networks.has(key)) continue;
    const what = `service "${name}" refers to undefined network ${key}`;
    fail(checked, [...path, "networks", key], what + near(key, project.networks));
  }
  for (const [index, mount] of (service.volumes ?? []).entries()) {
    const { type, source } = mount;
    if (type !== "volume" || source === undefined || project.volumes.has(source)) continue;
    const what = `service "${name}" refers to undefined volume ${source}`;
    fail(checked, [...path, "volumes", index], what + near(source, project.volumes));
  }
  for (const [index, { source = "" }] of (service.secrets ?? []).entries()) {
    if (project.secrets.has(source)) continue;
    const what = `service "${name}" refers to undefined secret ${source}`;
    fail(checked, [...path, "secrets", index], what + near(source, project.secrets));
  }
  for (const { source = "" } of service.build?.secrets ?? []) {
    if (project.secrets.has(source)) continue;
    const what = `service "${name}" refers to undefined build secret ${source}`;
    fail(checked, [...path, "build", "secrets"], what + near(source, project.secrets));
  }
  for (const [index, { source = "" }] of (service.configs ?? []).entries()) {
    if (project.configs.has(source)) continue;
    const what = `service "${name}" refers to undefined config ${source}`;
    fail(checked, [...path, "configs", index], what + near(source, project.configs));
  }
}

function near(word: string, known: ReadonlyMap<string, unknown>): string {
  const nearest = nearestWord(word, [...known.keys()]);
  return nearest === undefined ? "" : ` (did you mean ${nearest}?)`;
}

function checkDependencies(checked: Checked, name: string, service: Service): void {
  const { project } = checked;
  for (const [other, { required }] of service.depends_on ?? []) {
    if (project.services.has(other) || required === false) continue;
    const isDisabled = project.disabledServices.has(other);
    const what = isDisabled
      ? `service "${name}" depends on "${other}", whose profile is not active: add --profile ${(project.disabledServices.get(other)?.profiles ?? []).join(" or ")}`
      : `service "${name}" depends on undefined service "${other}"${near(other, project.services)}`;
    fail(checked, ["services", name, "depends_on", other], what);
  }
}

function checkCircles(checked: Checked): void {
  const { services } = checked.project;
  const done = new Set<string>();
  const visit = (name: string, way: readonly string[]): void => {
    if (done.has(name)) return;
    if (way.includes(name)) {
      const circle = [...way.slice(way.indexOf(name)), name].join(" -> ");
      const [from = name] = way.slice(-1);
      fail(checked, ["services", from, "depends_on", name], `dependency cycle detected: ${circle}`);
    }
    for (const other of services.get(name)?.depends_on?.keys() ?? []) {
      visit(other, [...way, name]);
    }
    done.add(name);
  };
  for (const name of services.keys()) visit(name, []);
}
