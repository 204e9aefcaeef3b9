import { RegistryError } from "#registry-server/errors.ts";
import { findToken, noteTokenUse, type Token } from "#registry-server/metadata/tokens.ts";
import { findUser, type User } from "#registry-server/metadata/users.ts";
import type { RepositoryName } from "#spec/distribution/names.ts";
import { formatScope, type ResourceScope } from "#spec/distribution/scopes.ts";
import type { SqlDatabase } from "#store/sql/database.ts";
import type { Access, Account, Caller, Principal, RepositoryAction } from "./access.ts";
import { type BearerTokens, SERVICE } from "./bearer-tokens.ts";
import type { Passwords } from "./passwords.ts";
import { accountMay, isPublic } from "./roles.ts";
import { secretId, secretMatches, TOKEN_PREFIX } from "./secrets.ts";
import type { Throttle } from "./throttle.ts";

/** How exactly the last use of a token is known: each use would cost a write. */
const USE_PRECISION_MS = 60_000;
/** Checked for a user that is not there, so that its answer takes as long: a hash of nothing that anyone knows. */
const NOBODYS_HASH =
  "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

export interface AccountAccessParts {
  readonly database: SqlDatabase;
  readonly bearerTokens: BearerTokens;
  readonly passwords: Passwords;
  /** Wrong credentials, by address and by name. */
  readonly failures: Throttle;
  readonly nowMs: () => number;
}

/** Users, robots and what they were granted. */
export class AccountAccess implements Access {
  readonly asksForLogin = true;
  readonly #parts: AccountAccessParts;

  constructor(parts: AccountAccessParts) {
    this.#parts = parts;
  }

  async identify(caller: Caller): Promise<Principal> {
    const header = caller.headers.get("authorization");
    if (header === null || header === "") return { kind: "anonymous" };
    const blank = header.indexOf(" ");
    const scheme = header.slice(0, blank).toLowerCase();
    const value = header.slice(blank + 1).trim();
    if (scheme === "bearer") return await this.#identifyBearer(caller, value);
    if (scheme === "basic") {
      const text = Buffer.from(value, "base64").toString("utf8");
      const colon = text.indexOf(":");
      if (colon >= 0) return await this.login(caller, text.slice(0, colon), text.slice(colon + 1));
    }
    throw this.#unauthorized(caller, "credentials cannot be read");
  }

  /** @throws {RegistryError} `UNAUTHORIZED`, or `TOOMANYREQUESTS` after too many wrong ones. */
  async login(caller: Caller, name: string, secret: string): Promise<Account> {
    const { failures } = this.#parts;
    const keys = [`address ${caller.address}`, `name ${name.slice(0, 100)}`];
    for (const key of keys) failures.require(key);
    const account = secret.startsWith(TOKEN_PREFIX)
      ? await this.tokenAccount(secret, name)
      : await this.#passwordAccount(name, secret);
    if (account) return account;
    for (const key of keys) failures.take(key);
    throw this.#unauthorized(caller, "incorrect username or password");
  }

  /**
   * The account behind a token's text.
   *
   * @param name Who it says to be; empty where only the token was sent.
   */
  async tokenAccount(text: string, name: string): Promise<Account | undefined> {
    const token = await this.findSecret(text);
    // what `docker login` keeps is no password: it names nobody beside it
    if (!token || (token.kind === "refresh" && name !== "")) return undefined;
    const account = await this.accountOf(token);
    return account && (name === "" || name === account.name) ? account : undefined;
  }

  /** The token of this text, when it is known and not over. */
  async findSecret(text: string): Promise<Token | undefined> {
    const { database, nowMs } = this.#parts;
    const id = secretId(text);
    const token = id === undefined ? undefined : await findToken(database, id);
    if (!token || !secretMatches(text, token.secretHash)) return undefined;
    if (token.expiresMs !== undefined && token.expiresMs <= nowMs()) return undefined;
    if ((token.usedMs ?? 0) < nowMs() - USE_PRECISION_MS) {
      await noteTokenUse(database, token.id, nowMs());
    }
    return token;
  }

  /** Whom a token stands for now: its user may have lost rights since, or be gone. */
  async accountOf(token: Token): Promise<Account | undefined> {
    const { kind, owner, name, scopes } = token;
    if (kind === "robot") {
      const robot = `robot$${owner}+${name}`;
      return {
        kind: "account",
        name: robot,
        isRobot: true,
        isAdmin: false,
        isByPassword: false,
        limits: scopes,
      };
    }
    const user = await findUser(this.#parts.database, owner);
    if (!user || user.isDisabled) return undefined;
    const account: Account = {
      kind: "account",
      name: user.name,
      isRobot: false,
      isAdmin: user.isAdmin,
      isByPassword: false,
    };
    return scopes.length === 0 ? account : { ...account, limits: scopes };
  }

  async mayDo(
    principal: Principal,
    repository: RepositoryName,
    action: RepositoryAction,
  ): Promise<boolean> {
    const { database } = this.#parts;
    switch (principal.kind) {
      case "anonymous":
        return action === "pull" && (await isPublic(database, repository));
      case "account":
        return await accountMay(database, principal, repository, action);
      case "bearer":
        return principal.scopes.some(
          ({ type, name, actions }) =>
            type === "repository" && name === repository && actions.includes(action),
        );
    }
  }

  async mayList(principal: Principal, repository: RepositoryName): Promise<boolean> {
    if (principal.kind !== "bearer") return await this.mayDo(principal, repository, "pull");
    const { database } = this.#parts;
    if (await isPublic(database, repository)) return true;
    const user = await findUser(database, principal.name);
    const isThere = user && !user.isDisabled;
    if (!isThere) return false; // a robot lists by Basic, which shows its scopes
    return await accountMay(database, userAccount(user), repository, "pull");
  }

  refusal(caller: Caller, principal: Principal, scopes: readonly ResourceScope[]): RegistryError {
    if (principal.kind === "account") return new RegistryError("DENIED", "", { detail: scopes });
    const headers = challenge(caller, scopes, principal.kind === "bearer");
    return new RegistryError("UNAUTHORIZED", "", { detail: scopes, headers });
  }

  async #identifyBearer(caller: Caller, text: string): Promise<Principal> {
    if (text.startsWith(TOKEN_PREFIX)) {
      const keys = [`address ${caller.address}`];
      for (const key of keys) this.#parts.failures.require(key);
      const account = await this.tokenAccount(text, "");
      if (account) return account;
      for (const key of keys) this.#parts.failures.take(key);
      throw this.#unauthorized(caller, "token is unknown, expired or revoked");
    }
    const claims = await this.#parts.bearerTokens.verify(text);
    if (!claims) {
      const headers = challenge(caller, [], false);
      throw new RegistryError("UNAUTHORIZED", "token is not valid", { headers });
    }
    return { kind: "bearer", name: claims.subject, scopes: claims.scopes };
  }

  async #passwordAccount(name: string, password: string): Promise<Account | undefined> {
    const { database, passwords } = this.#parts;
    const user = await findUser(database, name);
    const isRight = await passwords.verify(password, user?.passwordHash ?? NOBODYS_HASH);
    if (!user || !isRight || user.isDisabled) return undefined;
    return userAccount(user);
  }

  #unauthorized(caller: Caller, message: string): RegistryError {
    return new RegistryError("UNAUTHORIZED", message, { headers: challenge(caller, [], false) });
  }
}

function userAccount({ name, isAdmin }: User): Account {
  return { kind: "account", name, isRobot: false, isAdmin, isByPassword: true };
}

/** Sends the client to our token endpoint. */
function challenge(
  caller: Caller,
  scopes: readonly ResourceScope[],
  lacksScope: boolean,
): Readonly<Record<string, string>> {
  const parts = [
    `realm="${caller.origin}/token"`,
    `service="${SERVICE}"`,
    ...(scopes.length === 0 ? [] : [`scope="${scopes.map(formatScope).join(" ")}"`]),
    ...(lacksScope ? ['error="insufficient_scope"'] : []),
  ];
  return { "WWW-Authenticate": `Bearer ${parts.join(",")}` };
}
