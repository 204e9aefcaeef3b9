/** What says that a path leads nowhere, whatever an image or a container made of it. */
const CODES: ReadonlySet<unknown> = new Set(["ENOENT", "ENOTDIR", "ELOOP", "ENAMETOOLONG"]);

export function isAbsent(error: unknown): boolean {
  return error instanceof Error && "code" in error && CODES.has(error.code);
}
