/** USER_HZ: clock ticks a second in /proc/stat, 100 on every architecture that Wharf runs on. */
const NANOS_PER_TICK = 1e9 / 100;

/** PRETTY_NAME and VERSION_ID of os-release(5); docker's words where the file has none. */
export function parseOsRelease(text: string): { readonly name: string; readonly version: string } {
  const value = (key: string): string | undefined => {
    const raw = new RegExp(`^${key}=(.*)$`, "m").exec(text)?.[1]?.trim();
    return raw?.replace(/^(["'])(.*)\1$/, "$2").replace(/\\(.)/g, "$1");
  };
  return { name: value("PRETTY_NAME") || "Linux", version: value("VERSION_ID") ?? "" };
}

/**
 * CPU time of the whole host from the first line of /proc/stat: user, nice, system, idle, iowait, irq
 * and softirq: the seven that docker adds up for `system_cpu_usage`.
 */
export function parseCpuUsageNanos(text: string): number {
  const [name, ...fields] = (text.split("\n", 1)[0] ?? "").trim().split(/\s+/);
  if (name !== "cpu") return 0;
  const ticks = fields.slice(0, 7).reduce((sum, field) => sum + Number(field), 0);
  return ticks * NANOS_PER_TICK;
}

/** Id of a group by the text of group(5). */
export function parseGroupId(text: string, name: string): number | undefined {
  for (const line of text.split("\n")) {
    const [group, , id] = line.split(":");
    if (group === name && id !== undefined) return Number(id);
  }
  return undefined;
}
