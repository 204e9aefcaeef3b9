import { existsSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { nearestWord } from "#base/nearest.ts";

/**
 * The path that was probably meant by one of the host that is not there: the nearest name in the
 * deepest folder of it that is, with the rest as it was.
 *
 * @param path Absolute.
 * @returns Undefined when nothing of that kind exists.
 */
export function nearestPath(path: string): string | undefined {
  let folder = dirname(path);
  while (!existsSync(folder)) folder = dirname(folder);
  const [missing = "", ...rest] = path.slice(folder === "/" ? 1 : folder.length + 1).split("/");
  const near = nearestWord(missing, namesIn(folder));
  if (near === undefined) return undefined;
  const candidate = join(folder, near, ...rest);
  return existsSync(candidate) ? candidate : undefined;
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // a file, or a folder that cannot be read: there is nothing to suggest
  }
}
