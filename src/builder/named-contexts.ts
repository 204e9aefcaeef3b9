import { formatPlatform, normalisePlatform, type Platform } from "#spec/platform.ts";

/**
 * Named contexts of a build: `NAME`, or `NAME::os/arch` for one platform alone.
 *
 * @see https://github.com/moby/buildkit/blob/master/frontend/dockerui/namedcontext.go
 */
export type NamedContexts = ReadonlyMap<string, string>;

const SEPARATOR = "::";

/** What a context stands for on a platform; that of the platform comes first. @returns Undefined where there is none. */
export function findNamedContext(
  contexts: NamedContexts,
  name: string,
  platform: Platform,
): string | undefined {
  const own = `${name}${SEPARATOR}${formatPlatform(normalisePlatform(platform))}`;
  return contexts.get(own) ?? contexts.get(name);
}

/** Whether a context of that name is there for any platform. */
export function hasNamedContext(contexts: NamedContexts, name: string): boolean {
  if (contexts.has(name)) return true;
  return [...contexts.keys()].some((one) => one.startsWith(`${name}${SEPARATOR}`));
}
