import { PermissionDeniedError } from "#base/errors.ts";
import type { Account } from "#registry-server/access/access.ts";
import { RegistryError } from "#registry-server/errors.ts";
import { emptyAnswer, jsonAnswer } from "#registry-server/http/answers.ts";
import type { Exchange } from "#registry-server/http/exchange.ts";
import { openApiDocument } from "./open-api.ts";
import { organisationRoutes } from "./organisations.ts";
import type { RestParts } from "./parts.ts";
import { replicationRoutes } from "./replications.ts";
import { repositoryRoutes } from "./repositories.ts";
import type { RestRoute } from "./route.ts";
import { serverRoutes } from "./server.ts";
import { teamRoutes } from "./teams.ts";
import { tokenRoutes } from "./tokens.ts";
import { userRoutes } from "./users.ts";
import { webhookRoutes } from "./webhooks.ts";

const REST_PREFIX = "/api/v1";
const SEARCH_MAX = 100;

const restRoutes: readonly RestRoute[] = [
  ...serverRoutes,
  ...userRoutes,
  ...organisationRoutes,
  ...teamRoutes,
  ...tokenRoutes,
  ...repositoryRoutes,
  ...webhookRoutes,
  ...replicationRoutes,
];

const NOBODY: Account = {
  kind: "account",
  name: "",
  isRobot: false,
  isAdmin: false,
  isByPassword: false,
};

/** Answers everything whose path begins with `/api/v1`. */
export async function answerRest(parts: RestParts, exchange: Exchange): Promise<Response> {
  const { method } = exchange;
  const path = exchange.rawPath.slice(REST_PREFIX.length);
  if (exchange.path === "/v1/search") return await answerDockerSearch(parts, exchange);
  if (path === "/openapi.json" && method === "GET") return jsonAnswer(openApiDocument(restRoutes));
  const words = path.split("/").slice(1);
  const matches = restRoutes.flatMap((route) => {
    const params = matchPath(route.path, words);
    return params ? [{ route, params }] : [];
  });
  if (matches.length === 0)
    throw new RegistryError("UNSUPPORTED", "no such endpoint", { status: 404 });
  const match = matches.find(({ route }) => route.method === method);
  if (!match) {
    const allowed = matches.map(({ route }) => route.method).join(", ");
    throw new RegistryError("UNSUPPORTED", "", { headers: { Allow: allowed } });
  }
  const account = requireAccount(match.route, exchange);
  const result = await match.route.handle({ parts, exchange, account, params: match.params });
  if (result instanceof Response) return result;
  if (result === undefined) return emptyAnswer(204, {});
  return jsonAnswer(result, { "Cache-Control": "no-store" }, method === "POST" ? 201 : 200);
}

/** What `docker search localhost:5000/text` asks for. */
async function answerDockerSearch(parts: RestParts, exchange: Exchange): Promise<Response> {
  const { query, principal } = exchange;
  const text = query.get("q") ?? "";
  const count = Math.min(Number(query.get("n") ?? 25) || 25, SEARCH_MAX);
  const found = await parts.repositories.list(principal, "", { count, text });
  return jsonAnswer({
    num_results: found.length,
    query: text,
    results: found.map(({ name, description }) => ({
      name,
      description,
      star_count: 0,
      is_official: false,
      is_automated: false,
    })),
  });
}

/** @returns Values of the places in braces, or undefined where it is another path. */
function matchPath(
  template: string,
  words: readonly string[],
): Readonly<Record<string, string>> | undefined {
  const wanted = template.split("/").slice(1);
  if (wanted.length !== words.length) return undefined;
  const params: Record<string, string> = {};
  for (const [at, want] of wanted.entries()) {
    const word = words[at] ?? "";
    if (!want.startsWith("{")) {
      if (want !== word) return undefined;
      continue;
    }
    const value = tryDecode(word);
    if (value === undefined || value === "") return undefined;
    params[want.slice(1, -1)] = value;
  }
  return params;
}

function tryDecode(word: string): string | undefined {
  try {
    return decodeURIComponent(word);
  } catch {
    return undefined;
  }
}

function requireAccount({ requires, method }: RestRoute, { principal }: Exchange): Account {
  const account = principal.kind === "account" ? principal : undefined;
  if (!account) {
    if (requires === "anyone") return NOBODY;
    throw new RegistryError("UNAUTHORIZED", "", {
      headers: { "WWW-Authenticate": 'Basic realm="wharf-registry", charset="UTF-8"' },
    });
  }
  // scopes are about repositories' content: nothing else is to be changed by a token that has them
  const mayAct = !account.limits || (method === "GET" && requires !== "admin");
  if (!mayAct || (requires === "admin" && !account.isAdmin)) {
    throw new PermissionDeniedError("Only admins of the registry may do that");
  }
  return account;
}
