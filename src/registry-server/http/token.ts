import type { AccountAccess } from "#registry-server/access/account-access.ts";
import type { Account, Principal, RepositoryAction } from "#registry-server/access/access.ts";
import type { BearerTokens } from "#registry-server/access/bearer-tokens.ts";
import { newSecret } from "#registry-server/access/secrets.ts";
import { RegistryError } from "#registry-server/errors.ts";
import { insertToken } from "#registry-server/metadata/tokens.ts";
import { tryParseRepositoryName } from "#spec/distribution/names.ts";
import { type ResourceScope, tryParseScopes } from "#spec/distribution/scopes.ts";
import type { SqlDatabase } from "#store/sql/database.ts";
import { jsonAnswer } from "./answers.ts";
import type { Bodies } from "./body/bodies.ts";
import type { Exchange } from "./exchange.ts";

/** How long a token is believed, whatever its user loses in the meantime. */
const TOKEN_SECONDS = 300;
const REFRESH_MS = 90 * 24 * 3_600_000;
const FORM_MAX_BYTES = 64 * 1024;
const ACTIONS: readonly RepositoryAction[] = ["pull", "push", "delete"];

export interface TokenParts {
  readonly access: AccountAccess;
  readonly bearerTokens: BearerTokens;
  readonly database: SqlDatabase;
  readonly bodies: Bodies;
  readonly nowMs: () => number;
}

interface TokenRequest {
  readonly principal: Principal;
  readonly scopes: readonly ResourceScope[];
  /** Whether the client wants a refresh token to keep in place of the password. */
  readonly isOffline: boolean;
  /** The refresh token that it came with, which stays. */
  readonly refreshToken?: string;
}

/**
 * `/token`, where clients get what they show at `/v2/`: `GET` of Docker's token authentication, `POST` of its OAuth 2
 * form.
 */
export async function answerToken(parts: TokenParts, exchange: Exchange): Promise<Response> {
  switch (exchange.method) {
    case "GET":
      return await issue(parts, {
        principal: exchange.principal,
        scopes: readScopes(exchange.query.getAll("scope").join(" ")),
        isOffline: exchange.query.get("offline_token") === "true",
      });
    case "POST":
      return await issue(parts, await readForm(parts, exchange));
    default:
      throw new RegistryError("UNSUPPORTED", "", { headers: { Allow: "GET, POST" } });
  }
}

async function readForm(parts: TokenParts, exchange: Exchange): Promise<TokenRequest> {
  using body = await parts.bodies.read(exchange.request, FORM_MAX_BYTES);
  const form = new URLSearchParams(new TextDecoder().decode(body.bytes));
  const scopes = readScopes(form.getAll("scope").join(" "));
  const isOffline = form.get("access_type") === "offline";
  switch (form.get("grant_type")) {
    case "password": {
      const { access } = parts;
      const name = form.get("username") ?? "";
      const principal = await access.login(exchange.caller, name, form.get("password") ?? "");
      return { principal, scopes, isOffline };
    }
    case "refresh_token": {
      const refreshToken = form.get("refresh_token") ?? "";
      const token = await parts.access.findSecret(refreshToken);
      const principal = token?.kind === "refresh" ? await parts.access.accountOf(token) : undefined;
      if (!principal) throw new RegistryError("UNAUTHORIZED", "refresh token is not valid");
      return { principal, scopes, isOffline: false, refreshToken };
    }
    default:
      throw new RegistryError("UNSUPPORTED", "grant_type must be password or refresh_token", {
        status: 400,
      });
  }
}

function readScopes(text: string): readonly ResourceScope[] {
  const scopes = tryParseScopes(text);
  if (scopes) return scopes;
  throw new RegistryError("UNSUPPORTED", "scope cannot be read", { status: 400 });
}

async function issue(parts: TokenParts, request: TokenRequest): Promise<Response> {
  const { principal, isOffline } = request;
  if (principal.kind === "bearer") {
    throw new RegistryError("UNAUTHORIZED", "a token is not to be had for a token");
  }
  const nowMs = parts.nowMs();
  const token = await parts.bearerTokens.issue({
    subject: principal.kind === "account" ? principal.name : "",
    scopes: await grant(parts.access, principal, request.scopes),
    expiresMs: nowMs + TOKEN_SECONDS * 1000,
  });
  // who logs in with a token keeps that token: another in its place would outlive its revocation
  const isUser = principal.kind === "account" && principal.isByPassword;
  const refreshToken =
    request.refreshToken ?? (isOffline && isUser ? await keep(parts, principal) : undefined);
  return jsonAnswer(
    {
      token,
      access_token: token,
      expires_in: TOKEN_SECONDS,
      issued_at: new Date(nowMs).toISOString(),
      ...(refreshToken === undefined ? {} : { refresh_token: refreshToken }),
    },
    { "Cache-Control": "no-store" },
  );
}

/** What of the asked the principal may do. */
async function grant(
  access: AccountAccess,
  principal: Principal,
  asked: readonly ResourceScope[],
): Promise<readonly ResourceScope[]> {
  const granted: ResourceScope[] = [];
  for (const { type, name, actions } of asked) {
    if (type === "registry" && name === "catalog") {
      granted.push({ type, name, actions: ["*"] });
      continue;
    }
    const repository = tryParseRepositoryName(name);
    if (!/^repository(\(\w+\))?$/.test(type) || repository === undefined) continue;
    const allowed: string[] = [];
    for (const action of ACTIONS) {
      const isAsked = actions.includes(action) || actions.includes("*");
      if (isAsked && (await access.mayDo(principal, repository, action))) allowed.push(action);
    }
    if (allowed.length > 0) granted.push({ type: "repository", name, actions: allowed });
  }
  return granted;
}

async function keep(parts: TokenParts, account: Account): Promise<string> {
  const secret = newSecret();
  await insertToken(parts.database, {
    id: secret.id,
    kind: "refresh",
    owner: account.name,
    name: "docker login",
    secretHash: secret.hash,
    scopes: [],
    createdMs: parts.nowMs(),
    expiresMs: parts.nowMs() + REFRESH_MS,
  });
  return secret.text;
}
