import type { RegistryError } from "#registry-server/errors.ts";
import type { RepositoryName } from "#spec/distribution/names.ts";
import type { ResourceScope } from "#spec/distribution/scopes.ts";

/** The words of token scopes. */
export type RepositoryAction = "pull" | "push" | "delete";

/** A user or robot that has shown its credentials in this request. */
export interface Account {
  readonly kind: "account";
  /** User name, or `robot$acme+builder`. */
  readonly name: string;
  readonly isRobot: boolean;
  readonly isAdmin: boolean;
  /** Whether it was a password that it showed, rather than a token. */
  readonly isByPassword: boolean;
  /** What its token is limited to; absent: all that the user may do. */
  readonly limits?: readonly ResourceScope[];
}

/** Who asks. */
export type Principal =
  /** No credentials; or a registry that asks for none. */
  | { readonly kind: "anonymous" }
  | Account
  /** The holder of a token that we gave out: what it may do stands in it. */
  | {
      readonly kind: "bearer";
      /** Empty for anonymous. */
      readonly name: string;
      readonly scopes: readonly ResourceScope[];
    };

/** One request, as far as it matters who sent it. */
export interface Caller {
  readonly headers: Headers;
  /** `https://registry.example.com`: as the client sees us. */
  readonly origin: string;
  /** Address of the peer, or of who is behind a trusted proxy. */
  readonly address: string;
}

/** Decides who may do what. */
export interface Access {
  /** @throws {RegistryError} `UNAUTHORIZED` for credentials that are wrong; none at all is anonymous. */
  identify(caller: Caller): Promise<Principal>;
  mayDo(
    principal: Principal,
    repository: RepositoryName,
    action: RepositoryAction,
  ): Promise<boolean>;
  /** Whether a list that the principal asks for may show the repository. */
  mayList(principal: Principal, repository: RepositoryName): Promise<boolean>;
  /** Whether anonymous callers must be asked for credentials at `/v2/`, which is where `docker login` looks. */
  readonly asksForLogin: boolean;
  /** The 401 that asks for credentials, or the 403 for whom we know. */
  refusal(caller: Caller, principal: Principal, scopes: readonly ResourceScope[]): RegistryError;
}

/** Name for logs and events. */
export function principalName(principal: Principal): string {
  return principal.kind === "anonymous" || principal.name === "" ? "anonymous" : principal.name;
}
