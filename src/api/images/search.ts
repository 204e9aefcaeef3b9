import { InvalidArgumentError, messageOf } from "#base/errors.ts";
import { type Exchange, sendJson } from "#api/exchange.ts";
import type { RegistryCredentials } from "#registry-client/auth/credentials.ts";
import type { SearchResult } from "#registry-client/search.ts";
import {
  booleanFilter,
  type Filters,
  filterValues,
  parseFilters,
} from "#spec/engine-api/filters.ts";
import { parseSearchTerm } from "#spec/engine-api/search-term.ts";
import type { RegistriesBackend } from "./backend.ts";

const SEARCH_FILTERS = ["is-automated", "is-official", "stars"] as const;
const DEFAULT_LIMIT = 25;
const MAX_LIMIT = 100;

/** `GET /images/search` */
export async function answerSearch(
  exchange: Exchange,
  registries: Pick<RegistriesBackend, "search">,
  credentials: RegistryCredentials,
): Promise<void> {
  const { query, signal } = exchange;
  const limit = readLimit(() => query.integer("limit"));
  const matches = searchFilter(parseFilters(query.get("filters"), SEARCH_FILTERS));
  if (!matches) {
    sendJson(exchange, 200, []);
    return;
  }
  const term = query.text("term");
  if (/^https?:\/\//.test(term)) {
    throw new InvalidArgumentError(
      `invalid repository name: repository name (${term}) should not have a scheme`,
    );
  }
  const { domain, text } = parseSearchTerm(term);
  const found = await registries.search(domain, { text, limit }, credentials, signal);
  sendJson(exchange, 200, found.filter(matches).map(resultToWire));
}

function readLimit(read: () => number | undefined): number {
  let limit: number | undefined;
  try {
    limit = read();
  } catch (cause) {
    throw new InvalidArgumentError(`invalid limit specified: ${messageOf(cause)}`, { cause });
  }
  if (limit === undefined || limit === 0) return DEFAULT_LIMIT;
  if (limit < 1 || limit > MAX_LIMIT) {
    throw new InvalidArgumentError(`limit ${limit} is outside the range of [1, ${MAX_LIMIT}]`);
  }
  return limit;
}

/** @returns Undefined where nothing can match: no repository counts as built automatically any more. */
function searchFilter(filters: Filters): ((result: SearchResult) => boolean) | undefined {
  if (booleanFilter(filters, "is-automated") === true) return undefined;
  const isOfficial = booleanFilter(filters, "is-official");
  const leastStars = Math.max(0, ...filterValues(filters, "stars").map(readStars));
  const wantsStars = filterValues(filters, "stars").length > 0;
  return (result) =>
    (isOfficial === undefined || result.isOfficial === isOfficial) &&
    (!wantsStars || result.starCount >= leastStars);
}

function readStars(text: string): number {
  if (/^[-+]?\d+$/.test(text)) return Number(text);
  throw new InvalidArgumentError(
    `invalid filter 'stars=${text}': strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`,
  );
}

function resultToWire(result: SearchResult): Readonly<Record<string, unknown>> {
  return {
    star_count: result.starCount,
    is_official: result.isOfficial,
    name: result.name,
    is_automated: false,
    description: result.description,
  };
}
