import { FailedPreconditionError, InvalidArgumentError, messageOf } from "#base/errors.ts";
import { parseJson } from "#base/json.ts";
import { basicAuthorization, hasPassword, type RegistryCredentials } from "./auth/credentials.ts";
import { RegistryAnswerError } from "./errors.ts";
import type { HttpAnswer } from "./http/send.ts";
import { UnreachableError } from "./http/url-errors.ts";
import type { RegistrySession } from "./session.ts";
import type { Transport } from "./transport.ts";

/** One line of what a registry finds. */
export interface SearchResult {
  readonly name: string;
  readonly description: string;
  readonly starCount: number;
  readonly isOfficial: boolean;
}

export interface SearchRequest {
  readonly text: string;
  /** At most so many results, 1 to 100. */
  readonly limit: number;
}

const ANSWER_MAX_BYTES = 4 * 1024 * 1024;
const DOCKER_HUB_INDEX = "index.docker.io";
const SEARCH_SCOPE = "registry:catalog:search";

/** Servers of the search's older protocol, in the order in which they are tried. */
export function searchBases(domain: string, isInsecure: boolean): readonly URL[] {
  const host = domain === "docker.io" ? DOCKER_HUB_INDEX : domain;
  const secure = new URL(`https://${host}/`);
  return isInsecure ? [secure, new URL(`http://${host}/`)] : [secure];
}

/**
 * Asks a registry's search of Docker's API v1, which is the only one that there is.
 *
 * @param parts.session For an identity token, which is exchanged for another.
 * @throws {InvalidArgumentError} There is no registry. {FailedPreconditionError} It answers something else.
 */
export async function searchRegistry(
  parts: {
    readonly domain: string;
    readonly bases: readonly URL[];
    readonly transport: Transport;
    readonly session: RegistrySession;
    readonly credentials: RegistryCredentials;
  },
  { text, limit }: SearchRequest,
  signal: AbortSignal,
): Promise<readonly SearchResult[]> {
  const { transport, session, credentials } = parts;
  const base = await findBase(parts, signal);
  const url = new URL("v1/search", base);
  url.searchParams.set("q", text);
  url.searchParams.set("n", String(limit));
  const headers = { "X-Docker-Token": "true" };
  if (credentials.identityToken !== undefined) {
    const request = { method: "GET", target: url, headers, scopes: [SEARCH_SCOPE] } as const;
    try {
      return await readResults(await session.request({ ...request, accepts: [200] }, signal));
    } catch (error) {
      if (!(error instanceof RegistryAnswerError)) throw error;
      throw new FailedPreconditionError(`Unexpected status code ${error.status}`, { cause: error });
    }
  }
  const authorization = hasPassword(credentials)
    ? { Authorization: basicAuthorization(credentials) }
    : {};
  const request = { method: "GET", url, headers: { ...headers, ...authorization } } as const;
  return await readResults(await transport.send(request, signal));
}

/** Docker Hub is known to be there; of others the first that answers at all is taken. */
async function findBase(
  { domain, bases, transport }: Parameters<typeof searchRegistry>[0],
  signal: AbortSignal,
): Promise<URL> {
  const failures: string[] = [];
  for (const base of bases) {
    if (domain === "docker.io") return base;
    try {
      const url = new URL("v1/_ping", base);
      const answer = await transport.send({ method: "GET", url, headers: {} }, signal);
      await answer.discard();
      return base;
    } catch (error) {
      if (!(error instanceof UnreachableError)) throw error;
      failures.push(messageOf(error));
    }
  }
  throw unreachable(domain, failures);
}

function unreachable(domain: string, failures: readonly string[]): InvalidArgumentError {
  const [secure = "", plain] = failures;
  if (plain !== undefined) {
    return new InvalidArgumentError(
      `invalid registry endpoint "http://${domain}/v1/". HTTPS attempt: ${secure}. HTTP attempt: ${plain}`,
    );
  }
  return new InvalidArgumentError(
    `invalid registry endpoint https://${domain}/v1/: ${secure}. If this private registry supports only ` +
      "HTTP or HTTPS with an unknown CA certificate, add `--insecure-registry " +
      `${domain}\` to the daemon's arguments. In the case of HTTPS, if you have access to the registry's ` +
      "CA certificate, no need for the flag; simply place the CA certificate at " +
      `/etc/wharf/certs.d/${domain}/ca.crt`,
  );
}

async function readResults(answer: HttpAnswer): Promise<readonly SearchResult[]> {
  if (answer.status !== 200) {
    await answer.discard();
    throw new FailedPreconditionError(`Unexpected status code ${answer.status}`);
  }
  const text = new TextDecoder().decode(await answer.bytes(ANSWER_MAX_BYTES));
  try {
    return parseResults(parseJson(text));
  } catch (cause) {
    throw new FailedPreconditionError(
      `error decoding registry search results: ${messageOf(cause)}`,
      {
        cause,
      },
    );
  }
}

function parseResults(value: unknown): readonly SearchResult[] {
  const isObject = typeof value === "object" && value !== null;
  const results: unknown = isObject && "results" in value ? value.results : undefined;
  if (!isObject || !(results === undefined || results === null || Array.isArray(results))) {
    throw new InvalidArgumentError("it holds no results");
  }
  return (results ?? []).flatMap((item: unknown) => readResult(item) ?? []);
}

function readResult(item: unknown): SearchResult | undefined {
  if (typeof item !== "object" || item === null) return undefined;
  const fields: Readonly<Record<string, unknown>> = { ...item };
  const text = (key: string): string => {
    const value = fields[key];
    return typeof value === "string" ? value : "";
  };
  const stars = fields["star_count"];
  return {
    name: text("name"),
    description: text("description"),
    starCount: typeof stars === "number" && Number.isSafeInteger(stars) ? stars : 0,
    isOfficial: fields["is_official"] === true,
  };
}
