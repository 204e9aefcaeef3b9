/** One way to authenticate that a `WWW-Authenticate` header offers. */
export interface AuthChallenge {
  /** In lower case: `basic`, `bearer`. */
  readonly scheme: string;
  /** Names in lower case: `realm`, `service`, `scope`. */
  readonly parameters: ReadonlyMap<string, string>;
}

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const SCHEME_PATTERN = new RegExp(`^[\\s,]*(${TOKEN})(?:\\s+|(?=,)|$)`);
const PARAMETER_PATTERN = new RegExp(
  `^[\\s,]*(${TOKEN})\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|([^\\s,"]+))`,
);
/** More than any registry sends; bounds the work on hostile input. */
const HEADER_MAX_LENGTH = 16 * 1024;

/**
 * Reads a `WWW-Authenticate` header, several of which may be joined by commas (RFC 9110, section 11.6.1).
 * What is no challenge ends the reading: those before it count.
 */
export function parseAuthChallenges(header: string): readonly AuthChallenge[] {
  const challenges: AuthChallenge[] = [];
  let rest = header.slice(0, HEADER_MAX_LENGTH);
  for (;;) {
    const scheme = SCHEME_PATTERN.exec(rest);
    if (!scheme?.[1]) return challenges;
    rest = rest.slice(scheme[0].length);
    const parameters = new Map<string, string>();
    for (;;) {
      const parameter = PARAMETER_PATTERN.exec(rest);
      if (!parameter?.[1]) break;
      rest = rest.slice(parameter[0].length);
      const quoted = parameter[2]?.replaceAll(/\\(.)/g, "$1");
      parameters.set(parameter[1].toLowerCase(), quoted ?? parameter[3] ?? "");
    }
    challenges.push({ scheme: scheme[1].toLowerCase(), parameters });
  }
}
