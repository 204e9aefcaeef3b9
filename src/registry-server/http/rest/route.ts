import { InvalidArgumentError, PermissionDeniedError } from "#base/errors.ts";
import { parseJson } from "#base/json.ts";
import { JsonReader } from "#base/json-reader.ts";
import type { Account } from "#registry-server/access/access.ts";
import { includesRole, roleOf } from "#registry-server/access/roles.ts";
import type { Exchange } from "#registry-server/http/exchange.ts";
import { findMember } from "#registry-server/metadata/organisations.ts";
import { parseRepositoryName, type RepositoryName } from "#spec/distribution/names.ts";
import type { RestParts } from "./parts.ts";

const BODY_MAX_BYTES = 256 * 1024;

/** A property of a request's body, for the OpenAPI file. */
export interface BodyProperty {
  readonly type: "string" | "integer" | "boolean" | "array" | "object";
  readonly description: string;
  readonly isRequired?: boolean;
}

export interface RestRoute {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** `/users/{name}`, below `/api/v1`; a name with slashes comes percent-encoded. */
  readonly path: string;
  readonly summary: string;
  /** `anyone` may be anonymous; `admin` of the whole registry. What else is asked for, the handler checks. */
  readonly requires: "anyone" | "account" | "admin";
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: Readonly<Record<string, BodyProperty>>;
  /** What a success answers; a `Response` for what is no JSON, undefined for 204. */
  handle(call: RestCall): Promise<unknown>;
}

/** One request to a route. */
export interface RestCall {
  readonly parts: RestParts;
  readonly exchange: Exchange;
  readonly account: Account;
  readonly params: Readonly<Record<string, string>>;
}

export function param(call: RestCall, name: string): string {
  return call.params[name] ?? "";
}

/** @throws {InvalidArgumentError} */
export function repositoryParam(call: RestCall): RepositoryName {
  return parseRepositoryName(param(call, "repository"));
}

/** @throws {InvalidArgumentError} No JSON object, or with keys that the route does not know. */
export async function readJson(call: RestCall, known: RestRoute["body"]): Promise<JsonReader> {
  using body = await call.parts.bodies.read(call.exchange.request, BODY_MAX_BYTES);
  const { bytes } = body;
  const value = parseJson(bytes.byteLength === 0 ? "{}" : new TextDecoder().decode(bytes));
  const reader = JsonReader.of(value, { goType: "request" });
  for (const key of Object.keys(value ?? {})) {
    if (known && key in known) continue;
    const keys = Object.keys(known ?? {}).join(", ");
    throw new InvalidArgumentError(`Cannot read the request: "${key}" is none of ${keys}`);
  }
  return reader;
}

/** @throws {InvalidArgumentError} Missing or empty. */
export function requiredText(reader: JsonReader, key: string): string {
  const text = reader.string(key);
  if (!text) throw new InvalidArgumentError(`Cannot read the request: "${key}" is missing`);
  return text;
}

/** `n` of a list's request. @throws {InvalidArgumentError} */
export function listCount(call: RestCall, max: number): number {
  const text = call.exchange.query.get("n") ?? "100";
  if (!/^\d{1,6}$/.test(text)) {
    throw new InvalidArgumentError(`Cannot read the request: n is ${JSON.stringify(text)}`);
  }
  return Math.min(Number(text), max);
}

/** @throws {PermissionDeniedError} */
export async function requireOwner(call: RestCall, organisation: string): Promise<void> {
  const { account, parts } = call;
  if (account.isAdmin) return;
  const member = await findMember(parts.database, organisation, account.name);
  if (member?.isOwner) return;
  throw new PermissionDeniedError(`Only owners of organisation ${organisation} may do that`);
}

/** @throws {PermissionDeniedError} */
export async function requireMember(call: RestCall, organisation: string): Promise<void> {
  const { account, parts } = call;
  if (account.isAdmin || (await findMember(parts.database, organisation, account.name))) return;
  throw new PermissionDeniedError(`Only members of organisation ${organisation} may do that`);
}

/** @throws {PermissionDeniedError} */
export async function requireRepositoryAdmin(
  call: RestCall,
  repository: RepositoryName,
): Promise<void> {
  const { account, parts } = call;
  if (account.isAdmin) return;
  const role = await roleOf(parts.database, account.name, repository);
  if (!account.isRobot && includesRole(role, "admin")) return;
  throw new PermissionDeniedError(`Only admins of repository ${repository} may do that`);
}

/** Notes in the audit log what the call has changed. */
export async function audit(
  call: RestCall,
  action: string,
  object: string,
  detail: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  const { caller, principal } = call.exchange;
  await call.parts.audit.record(caller, principal, { action, object, detail });
}

/** Milliseconds as the API shows times. */
export function timeText(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : new Date(ms).toISOString();
}
