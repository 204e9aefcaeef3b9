import type { MountInfo } from "#host/mounts.ts";

/**
 * Parses /proc/PID/mountinfo, in the kernel's order, which is the order of mounting.
 *
 * @see proc(5), "/proc/pid/mountinfo": fields by spaces, a run of optional ones up to `-`; blank,
 *   tab, newline, backslash and, in option values, comma as octal escapes.
 */
export function parseMountInfo(text: string): MountInfo[] {
  const mounts: MountInfo[] = [];
  for (const line of text.split("\n")) {
    const fields = line.split(" ");
    const dash = fields.indexOf("-", 6);
    if (dash < 0) continue;
    const [id = "", parentId = "", , root = "", target = "", options = ""] = fields;
    const [fsType = "", source = "", superOptions = ""] = fields.slice(dash + 1);
    mounts.push({
      id: Number(id),
      parentId: Number(parentId),
      root: unescape(root),
      target: unescape(target),
      fsType,
      source: unescape(source),
      options: options.split(","),
      isShared: fields.slice(6, dash).some((field) => field.startsWith("shared:")),
      isSlave: fields.slice(6, dash).some((field) => field.startsWith("master:")),
      superOptions: superOptions.split(",").map(unescape),
    });
  }
  return mounts;
}

function unescape(text: string): string {
  if (!text.includes("\\")) return text;
  // Only ASCII is escaped, so an escape is a whole character.
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
}
