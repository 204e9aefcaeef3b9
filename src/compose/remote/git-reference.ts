/** Files in a Git repository: `REMOTE#REF:PATH`. */
export interface GitReference {
  /** As `git` takes it. */
  readonly remote: string;
  /** A branch, tag or commit; `HEAD` for what the repository says. */
  readonly ref: string;
  /** From the top of the repository; empty for the top. */
  readonly path: string;
}

/**
 * Reads what docker compose takes for a Git repository: `https://HOST/REPOSITORY.git`, `git://`, `ssh://`,
 * `git@HOST:REPOSITORY`, `github.com/OWNER/REPOSITORY`, each with `#REF:PATH`.
 *
 * @returns Undefined for anything else.
 */
export function parseGitReference(text: string): GitReference | undefined {
  const at = text.indexOf("#");
  const remote = at === -1 ? text : text.slice(0, at);
  if (!isRepository(remote)) return undefined;
  const fragment = at === -1 ? "" : text.slice(at + 1);
  const [ref = "", ...path] = fragment.split(":");
  return {
    remote: remote.startsWith("github.com/") ? `https://${remote}` : remote,
    ref: ref === "" ? "HEAD" : ref,
    path: path.join(":"),
  };
}

function isRepository(remote: string): boolean {
  if (/^(?:git|ssh):\/\/[^/-]/.test(remote) || /^github\.com\/[^/]/.test(remote)) return true;
  if (/^https?:\/\/[^/-].*\.git$/.test(remote)) return true;
  return /^[A-Za-z0-9_][\w.-]*@[A-Za-z0-9][\w.-]*:/.test(remote);
}
