import type { RegistryError } from "#registry-server/errors.ts";
import type { ResourceScope } from "#spec/distribution/scopes.ts";
import type { RepositoryName } from "#spec/distribution/names.ts";

/** The words of token scopes. */
export type RepositoryAction = "pull" | "push" | "delete";

/** Who asks. */
export type Principal =
  /** No credentials; or a registry that asks for none. */
  | { readonly kind: "anonymous" }
  | {
      readonly kind: "account";
      /** User name, or `robot$…`. */
      readonly name: string;
      readonly isAdmin: boolean;
      /** What its token is limited to; absent: all that the account may do. */
      readonly limits?: readonly ResourceScope[];
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
  /** Whether anonymous callers must be asked for credentials at `/v2/`, which is where `docker login` looks. */
  readonly asksForLogin: boolean;
  /** The 401 that asks for credentials, or the 403 for whom we know. */
  refusal(caller: Caller, principal: Principal, scopes: readonly ResourceScope[]): RegistryError;
}
