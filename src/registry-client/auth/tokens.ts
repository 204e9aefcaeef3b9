import { FailedPreconditionError, PermissionDeniedError } from "#base/errors.ts";
import type { AuthChallenge } from "#spec/distribution/auth-challenge.ts";
import { readRefusal } from "#registry-client/errors.ts";
import type { HttpAnswer, PlainRequest } from "#registry-client/http/send.ts";
import { basicAuthorization, hasPassword, type RegistryCredentials } from "./credentials.ts";

/** Sends a request to whatever server, with the TLS settings of its host, following redirects. */
export type SendAnywhere = (request: PlainRequest, signal: AbortSignal) => Promise<HttpAnswer>;

export interface TokenRequest {
  readonly challenge: AuthChallenge;
  readonly scopes: readonly string[];
  readonly credentials: RegistryCredentials;
  /** Asks for a token that stands in for the password from now on. */
  readonly wantsIdentityToken?: boolean;
  /** Whether credentials may go over a connection without TLS. */
  readonly mayBePlain: boolean;
}

export interface Token {
  readonly value: string;
  readonly expiresAtMs: number;
  readonly identityToken?: string;
}

const TOKEN_MAX_BYTES = 1024 * 1024;
const CLIENT_ID = "docker";
/** Of a token that says nothing: Docker's token specification, "Requesting a token". */
const DEFAULT_LIFETIME_SECONDS = 60;
/** A token is given up before its end: clocks differ, and requests take time. */
const MARGIN_SECONDS = 10;

/**
 * Fetches a token where a registry's challenge says.
 *
 * @throws {FailedPreconditionError} A challenge or answer that is none. {RegistryAnswerError} Refused.
 *   {PermissionDeniedError} Credentials would have gone out in the clear.
 */
export async function fetchToken(
  send: SendAnywhere,
  request: TokenRequest,
  nowMs: number,
  signal: AbortSignal,
): Promise<Token> {
  const { challenge, credentials } = request;
  const realm = readRealm(challenge);
  const hasSecret = hasPassword(credentials) || credentials.identityToken !== undefined;
  if (realm.protocol !== "https:" && hasSecret && !request.mayBePlain) {
    throw new PermissionDeniedError(
      `Cannot ask ${realm.host} for a token: it has no TLS, and the credentials would be readable on the way`,
    );
  }
  const usesPost = credentials.identityToken !== undefined;
  const answer = await send(
    usesPost ? refreshRequest(realm, request) : getRequest(realm, request),
    signal,
  );
  if (answer.status !== 200) throw await readRefusal(answer);
  return readToken(realm, new TextDecoder().decode(await answer.bytes(TOKEN_MAX_BYTES)), nowMs);
}

function readRealm(challenge: AuthChallenge): URL {
  const text = challenge.parameters.get("realm") ?? "";
  const realm = URL.parse(text);
  if (realm?.protocol !== "https:" && realm?.protocol !== "http:") {
    throw new FailedPreconditionError(
      `Cannot authenticate: the registry names no place for tokens (realm ${JSON.stringify(text.slice(0, 200))})`,
    );
  }
  return realm;
}

function getRequest(realm: URL, request: TokenRequest): PlainRequest {
  const url = new URL(realm);
  const { credentials, scopes, challenge } = request;
  const service = challenge.parameters.get("service");
  const isKnown = hasPassword(credentials);
  if (isKnown) url.searchParams.set("account", credentials.username ?? "");
  if (request.wantsIdentityToken && isKnown) {
    url.searchParams.set("offline_token", "true");
    url.searchParams.set("client_id", CLIENT_ID);
  }
  for (const scope of scopes) url.searchParams.append("scope", scope);
  if (service !== undefined) url.searchParams.set("service", service);
  return {
    method: "GET",
    url,
    headers: isKnown ? { Authorization: basicAuthorization(credentials) } : {},
  };
}

function refreshRequest(realm: URL, request: TokenRequest): PlainRequest {
  const form = new URLSearchParams({
    grant_type: "refresh_token",
    service: request.challenge.parameters.get("service") ?? "",
    client_id: CLIENT_ID,
    scope: request.scopes.join(" "),
    refresh_token: request.credentials.identityToken ?? "",
  });
  return {
    method: "POST",
    url: realm,
    headers: { "Content-Type": "application/x-www-form-urlencoded" },
    body: Buffer.from(form.toString()),
  };
}

function readToken(realm: URL, text: string, nowMs: number): Token {
  const fields = tryParseObject(text);
  const word = (key: string): string | undefined => {
    const value = fields?.[key];
    return typeof value === "string" && value !== "" ? value : undefined;
  };
  const value = word("token") ?? word("access_token");
  if (value === undefined || !/^[\u0021-\u007e]+$/.test(value)) {
    throw new FailedPreconditionError(
      `Cannot authenticate: ${realm.host} answered without a token`,
    );
  }
  const given = fields?.["expires_in"];
  const lifetime = typeof given === "number" && given > 0 ? given : DEFAULT_LIFETIME_SECONDS;
  const identityToken = word("refresh_token");
  return {
    value,
    expiresAtMs: nowMs + Math.max(lifetime - MARGIN_SECONDS, lifetime / 2) * 1000,
    ...(identityToken === undefined ? {} : { identityToken }),
  };
}

function tryParseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
