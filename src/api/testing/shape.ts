/** Keys whose value differs from host to host and time to time: compared by type only. */
const VARYING =
  /Id$|^id$|^name$|^ID$|ID$|Path$|At$|^Created$|Pid$|Mac|Address$|^Gateway$|Data$|^Image$|^Name$|Hostname$|^Source$|Key$|^Bridge$|PrefixLen$|^Names$|^read$|^preread$|total_usage|usage|^limit$|^stats$|bytes$|packets$|online_cpus|Time$|Size$|^Version$|Layers$|Digests$|Tags$|^Status$|Arch|Kernel|Commit|NFd|NGoroutines|Mem|Subnet|Mountpoint|^Labels$|^current$/;

function typeOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}

/**
 * How `actual` differs from `expected` in keys, types, and values that do not vary by nature.
 *
 * @returns One line for each difference.
 */
export function shapeDifferences(expected: unknown, actual: unknown, path = ""): readonly string[] {
  const key = path.split(".").at(-1) ?? "";
  const types = [typeOf(expected), typeOf(actual)];
  if (types[0] !== types[1]) return [`${path}: want ${types[0]}, got ${types[1]}`];
  if (typeof expected !== "object" || expected === null) {
    if (expected === actual || VARYING.test(key)) return [];
    return [`${path}: want ${JSON.stringify(expected)}, got ${JSON.stringify(actual)}`];
  }
  if (Array.isArray(expected) && Array.isArray(actual)) {
    if (VARYING.test(key)) return [];
    if (expected.length !== actual.length) {
      return [`${path}: want ${expected.length} items, got ${actual.length}`];
    }
    return expected.flatMap((item, index) =>
      shapeDifferences(item, actual[index], `${path}.${index}`),
    );
  }
  if (key === "Data" || key === "stats") return [];
  const left = new Map(Object.entries(expected));
  const right = new Map(Object.entries(actual ?? {}));
  const missing = [...left.keys()].filter((name) => !right.has(name));
  const extra = [...right.keys()].filter((name) => !left.has(name));
  return [
    ...missing.map((name) => `${path}.${name}: missing`),
    ...extra.map((name) => `${path}.${name}: Docker has none`),
    ...[...left].flatMap(([name, value]) =>
      right.has(name) ? shapeDifferences(value, right.get(name), `${path}.${name}`) : [],
    ),
  ];
}
