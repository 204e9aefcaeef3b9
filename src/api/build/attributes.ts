import { InvalidArgumentError } from "#base/errors.ts";
import { parseJson } from "#base/json.ts";
import { JsonReader } from "#base/json-reader.ts";
import type { Query } from "#api/query.ts";

function readJson(query: Query, name: string): JsonReader | undefined {
  const text = query.text(name);
  if (text === "" || text === "null") return undefined;
  try {
    return JsonReader.of({ [name]: parseJson(text) }, {});
  } catch (cause) {
    if (!(cause instanceof InvalidArgumentError)) throw cause;
    throw new InvalidArgumentError(`error reading ${name}: ${cause.message}`, { cause });
  }
}

/** `buildargs` and `labels`: an object of texts; `null` stands for a name without a value. */
function prefixed(query: Query, name: string, prefix: string): readonly [string, string][] {
  const entries = readJson(query, name)?.entries(name, "map[string]*string") ?? [];
  return entries.flatMap(([key, value]): [string, string][] => {
    if (value === null) return [];
    if (typeof value === "string") return [[`${prefix}${key}`, value]];
    throw new InvalidArgumentError(`error reading ${name}: the value of ${key} is no text`);
  });
}

/** `[{"Name":"nofile","Soft":1,"Hard":2}]` */
function ulimits(query: Query): string {
  return (readJson(query, "ulimits")?.objects("ulimits") ?? [])
    .map((one) => {
      const [soft, hard] = [one.integer("Soft") ?? 0, one.integer("Hard") ?? 0];
      return `${one.string("Name") ?? ""}=${soft}:${hard}`;
    })
    .join(",");
}

/** Names that are called the same in the query and among the frontend's attributes. */
const SAME: readonly string[] = ["target", "platform", "cpusetcpus", "cpusetmems"];
/** The same of numbers, of which clients send zeros for what nobody asked. */
const SAME_NUMBERS: readonly string[] = ["memory", "memswap", "cpushares", "cpuperiod", "cpuquota"];

/**
 * The query of `POST /build` as attributes of the frontend.
 *
 * @throws {InvalidArgumentError} A value that is none, naming the parameter.
 */
export function attributesOfQuery(query: Query): Readonly<Record<string, string>> {
  const numbered = (name: string): string => (query.text(name) === "0" ? "" : query.text(name));
  const hosts = query
    .all("extrahosts")
    .map((host) => host.replace(":", "="))
    .join(",");
  const named: readonly (readonly [string, string])[] = [
    ["filename", query.text("dockerfile")],
    ["cgroup-parent", query.text("cgroupparent")],
    ["shm-size", numbered("shmsize")],
    ["force-network-mode", query.text("networkmode")],
    ["add-hosts", hosts],
    ["ulimit", ulimits(query)],
    ["image-resolve-mode", query.boolean("pull") ? "pull" : ""],
    ...SAME.map((name) => [name, query.text(name)] as const),
    ...SAME_NUMBERS.map((name) => [name, numbered(name)] as const),
  ];
  return Object.fromEntries([
    ...named.filter(([, value]) => value !== ""),
    ...(query.boolean("nocache") ? [["no-cache", ""]] : []),
    ...prefixed(query, "buildargs", "build-arg:"),
    ...prefixed(query, "labels", "label:"),
  ]) as Readonly<Record<string, string>>;
}
