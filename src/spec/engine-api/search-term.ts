/** Where to search, and for what. */
export interface SearchTerm {
  /** As an image's name begins: `docker.io`, `localhost:5000`. */
  readonly domain: string;
  readonly text: string;
}

/** Splits what a user searches for: `localhost:5000/tools` is for that registry, anything else for Docker Hub. */
export function parseSearchTerm(term: string): SearchTerm {
  const slash = term.indexOf("/");
  const first = slash < 0 ? "" : term.slice(0, slash);
  const isHost = /[.:]/.test(first) || first === "localhost";
  const text = isHost ? term.slice(slash + 1) : term;
  const isHub = !isHost || first === "index.docker.io" || first === "docker.io";
  return isHub
    ? { domain: "docker.io", text: text.replace(/^library\//, "") }
    : { domain: first, text };
}
