import { InvalidArgumentError } from "#base/errors.ts";
import {
  booleanFilter,
  enumFilter,
  type Filters,
  filterValues,
  integerFilter,
  matchesContainerName,
  matchesLabels,
  matchesPrefix,
} from "#spec/engine-api/filters.ts";
import type { PublishedPort } from "#networks/networks.ts";
import type { ContainerRecord } from "./container.ts";
import type { ContainerDetails } from "./containers.ts";
import { lastExit, statusWord } from "./transitions.ts";

/** What the filters need to know beside the containers. */
export interface FilterContext {
  /** Images that are, or are made from, what `ancestor` names. */
  readonly imagesBelow: (ancestor: string) => ReadonlySet<string>;
  /** @throws {NotFoundError} For `before` and `since`. */
  readonly resolve: (reference: string) => ContainerRecord;
  /** Full id of the network that is named, for those that know it by its id. */
  readonly networkNames: (reference: string) => ReadonlySet<string>;
}

export type ContainerFilter = (container: ContainerDetails) => boolean;

const STATES = ["created", "running", "paused", "restarting", "removing", "exited", "dead"];
const HEALTHS = ["none", "starting", "healthy", "unhealthy"];

/** Filters that make `ps` look at containers that do not run, as Docker has it. */
export function impliesAll(filters: Filters): boolean {
  return filterValues(filters, "status").length > 0 || filterValues(filters, "exited").length > 0;
}

/**
 * Checks all values first, so that a wrong one fails whether or not there are containers.
 *
 * @throws {InvalidArgumentError} With Docker's texts. {NotFoundError} `before` or `since` a container that is not.
 */
export function compileFilters(filters: Filters, context: FilterContext): ContainerFilter {
  if (filters.size === 0) return () => true; // a tenth of a list of thousands
  const tests: readonly ContainerFilter[] = [
    ({ record }) => matchesPrefix(filters, "id", record.id),
    ({ record }) => matchesContainerName(filters, record.name),
    ({ record }) => matchesLabels(filters, record.config.Labels),
    statusFilter(filters),
    exitedFilter(filters),
    healthFilter(filters),
    taskFilter(filters),
    ancestorFilter(filters, context),
    ageFilter(filters, context),
    exposeFilter(filters),
    publishFilter(filters),
    networkFilter(filters, context),
    volumeFilter(filters),
  ];
  return (container) => tests.every((test) => test(container));
}

function statusFilter(filters: Filters): ContainerFilter {
  const wanted = enumFilter(filters, "status", "state", STATES);
  return ({ record }) => wanted.length === 0 || wanted.includes(statusWord(record.state));
}

function exitedFilter(filters: Filters): ContainerFilter {
  const codes = integerFilter(filters, "exited");
  return ({ record }) => {
    if (codes.length === 0) return true;
    const exit = record.state.status === "exited" ? lastExit(record.state) : undefined;
    return exit !== undefined && codes.includes(exit.exitCode);
  };
}

function healthFilter(filters: Filters): ContainerFilter {
  const wanted = enumFilter(filters, "health", "health", HEALTHS);
  return ({ health }) => wanted.length === 0 || wanted.includes(health?.status ?? "none");
}

function taskFilter(filters: Filters): ContainerFilter {
  const isWanted = booleanFilter(filters, "is-task");
  return ({ record }) =>
    isWanted === undefined ||
    isWanted === Object.hasOwn(record.config.Labels, "com.docker.swarm.task.id");
}

function ancestorFilter(filters: Filters, context: FilterContext): ContainerFilter {
  const ancestors = filterValues(filters, "ancestor");
  if (ancestors.length === 0) return () => true;
  const images = new Set(ancestors.flatMap((ancestor) => [...context.imagesBelow(ancestor)]));
  return ({ record }) => images.has(record.imageId);
}

function ageFilter(filters: Filters, context: FilterContext): ContainerFilter {
  const before = filterValues(filters, "before").map(context.resolve);
  const since = filterValues(filters, "since").map(context.resolve);
  return ({ record }) =>
    before.every((other) => record.createdNanos < other.createdNanos) &&
    since.every((other) => record.createdNanos > other.createdNanos);
}

/** `80`, `80/udp`, `8000-8010/tcp` → keys as in ExposedPorts. */
function parsePorts(name: "expose" | "publish", text: string): readonly string[] {
  const [range = "", protocol = "tcp"] = text.split("/");
  const fail = (part: string, reason: string): InvalidArgumentError =>
    new InvalidArgumentError(
      `error while looking up for ${name} ${text}: strconv.ParseUint: parsing ${JSON.stringify(part)}: ${reason}`,
    );
  const [first = "", last = first] = range.split("-");
  for (const part of [first, last]) {
    if (!/^[0-9]+$/.test(part)) throw fail(part, "invalid syntax");
    if (Number(part) > 65535) throw fail(part, "value out of range");
  }
  const ports: string[] = [];
  for (let port = Number(first); port <= Number(last); port++) ports.push(`${port}/${protocol}`);
  return ports;
}

/** Both port filters see what has a network now: a container that does not run matches neither. */
function publishedPorts({ sandbox }: ContainerDetails): readonly PublishedPort[] | undefined {
  return sandbox?.mode.kind === "bridge" ? sandbox.ports : undefined;
}

/** By the ports in the container. */
function exposeFilter(filters: Filters): ContainerFilter {
  const wanted = portKeys(filters, "expose");
  if (wanted.size === 0) return () => true;
  return (container) => {
    const published = publishedPorts(container);
    if (!published) return false;
    const inside = published.map((port) => `${port.containerPort}/${port.protocol}`);
    return [...Object.keys(container.record.config.ExposedPorts), ...inside].some((port) =>
      wanted.has(port),
    );
  };
}

/** By the ports of the host. */
function publishFilter(filters: Filters): ContainerFilter {
  const wanted = portKeys(filters, "publish");
  if (wanted.size === 0) return () => true;
  return (container) =>
    publishedPorts(container)?.some((port) => wanted.has(`${port.hostPort}/${port.protocol}`)) ??
    false;
}

function portKeys(filters: Filters, name: "expose" | "publish"): ReadonlySet<string> {
  return new Set(filterValues(filters, name).flatMap((text) => parsePorts(name, text)));
}

function networkFilter(filters: Filters, context: FilterContext): ContainerFilter {
  const wanted = filterValues(filters, "network");
  if (wanted.length === 0) return () => true;
  const names = new Set(wanted.flatMap((reference) => [...context.networkNames(reference)]));
  return ({ record }) =>
    [
      record.hostConfig.NetworkMode || "bridge",
      ...Object.keys(record.networkingConfig.EndpointsConfig),
    ]
      .map((name) => (name === "default" ? "bridge" : name))
      .some((name) => names.has(name));
}

function volumeFilter(filters: Filters): ContainerFilter {
  const wanted = filterValues(filters, "volume");
  return ({ record }) =>
    wanted.length === 0 ||
    record.mounts.some(({ name, source, destination }) =>
      wanted.some(
        (text) => text === name || text === destination || (text !== "" && text === source),
      ),
    );
}
