import { LABEL } from "#compose/labels.ts";
import type { ObservedContainer } from "#compose/observe/observed.ts";

/** A service without containers. */
export interface ServiceWork {
  readonly service: string;
  /** Names of services. */
  readonly needs: ReadonlySet<string>;
  readonly work: () => Promise<void>;
}

/** Each container, and each of the others, once all whose services need its own are done. */
export async function inReverseOrder(
  containers: readonly ObservedContainer[],
  work: (container: ObservedContainer) => Promise<void>,
  others: readonly ServiceWork[] = [],
): Promise<void> {
  const needs = new Map([
    ...needsOf(containers),
    ...others.map((other) => [other.service, other.needs] as const),
  ]);
  await eachAfter(
    [...needs.keys()],
    (service) => [...needs].filter(([, names]) => names.has(service)).map(([other]) => other),
    async (service) => {
      await Promise.all([
        ...containers.filter((each) => each.service === service).map(work),
        ...others.filter((each) => each.service === service).map((each) => each.work()),
      ]);
    },
  );
}

/** The containers of each service once those of all services that it needs are done. */
export async function inDependencyOrder(
  containers: readonly ObservedContainer[],
  work: (ofService: readonly ObservedContainer[]) => Promise<void>,
): Promise<void> {
  const needs = needsOf(containers);
  await eachAfter(
    [...needs.keys()],
    (service) => [...(needs.get(service) ?? [])].filter((name) => needs.has(name)),
    (service) => work(containers.filter((each) => each.service === service)),
  );
}

/** What each service needs, as the labels of its containers say. */
function needsOf(
  containers: readonly ObservedContainer[],
): ReadonlyMap<string, ReadonlySet<string>> {
  return new Map(
    containers.map(({ service, labels }): [string, ReadonlySet<string>] => {
      const entries = (labels[LABEL.dependsOn] ?? "").split(",");
      const names = entries.map((each) => each.split(":", 1)[0] ?? "");
      return [service, new Set(names.filter((name) => name !== ""))];
    }),
  );
}

/** Labels may say anything: what would wait for itself does not wait. */
async function eachAfter(
  services: readonly string[],
  before: (service: string) => readonly string[],
  work: (service: string) => Promise<void>,
): Promise<void> {
  const done = new Map<string, Promise<void>>();
  const finish = (service: string, way: readonly string[]): Promise<void> => {
    const known = done.get(service);
    if (known) return known;
    const others = before(service)
      .filter((other) => !way.includes(other) && other !== service)
      .map((other) => finish(other, [...way, service]));
    const promise = Promise.all(others).then(() => work(service));
    done.set(service, promise);
    return promise;
  };
  await Promise.all(services.map((service) => finish(service, [])));
}
