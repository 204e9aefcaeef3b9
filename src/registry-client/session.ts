import { InternalError, WharfError } from "#base/errors.ts";
import { type AuthChallenge, parseAuthChallenges } from "#spec/distribution/auth-challenge.ts";
import { basicAuthorization, hasPassword, type RegistryCredentials } from "./auth/credentials.ts";
import { fetchToken, type Token } from "./auth/tokens.ts";
import type { RegistryEndpoint } from "./endpoints.ts";
import { NoCredentialsError, readRefusal, RegistryAnswerError } from "./errors.ts";
import { isSameOrigin } from "./http/origin.ts";
import {
  type HttpAnswer,
  type Method,
  type PlainRequest,
  requestTitle,
  type StreamBody,
} from "./http/send.ts";
import { NoConnectionError, UnreachableError } from "./http/url-errors.ts";
import { mayHeal, type RetryPolicy, withRetries } from "./retry.ts";
import type { Transport } from "./transport.ts";

export interface SessionOptions {
  readonly endpoint: RegistryEndpoint;
  readonly credentials: RegistryCredentials;
  readonly transport: Transport;
  readonly retry: RetryPolicy;
  readonly nowMs: () => number;
}

export interface SessionRequest {
  readonly method: Method;
  /** Below the endpoint, without a slash at the start: `v2/a/b/tags/list?n=100`; or whole, from a `Location`. */
  readonly target: string | URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | StreamBody;
  /** What a token must allow: `repository:a/b:pull`. */
  readonly scopes: readonly string[];
  /** Statuses that are answers; any other is thrown. */
  readonly accepts: readonly number[];
  /** One try, whatever goes wrong: for what is repeated by the caller. */
  readonly isOnce?: boolean;
}

/** One user at one endpoint: finds out how to reach it and how to authenticate, and asks. */
export class RegistrySession {
  readonly endpoint: RegistryEndpoint;
  readonly #options: SessionOptions;
  readonly #tokens = new Map<string, Promise<Token>>();
  #opened: Promise<URL> | undefined;
  #challenges: readonly AuthChallenge[] = [];

  constructor(options: SessionOptions) {
    this.endpoint = options.endpoint;
    this.#options = options;
  }

  get retry(): RetryPolicy {
    return this.#options.retry;
  }

  /**
   * @throws {UnreachableError} Nobody answers. {RegistryAnswerError} An answer that `accepts` does not name.
   */
  async request(request: SessionRequest, signal: AbortSignal): Promise<HttpAnswer> {
    await this.base(signal);
    const once = (): Promise<HttpAnswer> => this.#requestOnce(request, signal);
    return request.isOnce ? await once() : await withRetries(this.#options.retry, once, signal);
  }

  /** Where the endpoint is; asked once, and again after a failure. */
  async base(signal: AbortSignal): Promise<URL> {
    this.#opened ??= withRetries(
      this.#options.retry,
      () => this.#open(signal),
      signal,
      mayHealOpening,
    ).catch((error: unknown) => {
      this.#opened = undefined;
      throw error;
    });
    return await this.#opened;
  }

  /**
   * Shows the credentials to the registry.
   *
   * @returns A token that stands in for the password from now on, where the registry gives one.
   * @throws {RegistryAnswerError} It does not take them.
   */
  async logIn(signal: AbortSignal): Promise<string | undefined> {
    const base = await this.base(signal);
    try {
      return await this.#showCredentials(base, signal);
    } catch (error) {
      if (!(error instanceof RegistryAnswerError)) throw error;
      const title = requestTitle({ method: "GET", url: new URL("v2/", base) });
      throw new RegistryAnswerError(`${title}: ${error.message}`, error);
    }
  }

  async #showCredentials(base: URL, signal: AbortSignal): Promise<string | undefined> {
    const bearer = this.#challenge("bearer");
    let identityToken: string | undefined;
    let headers: Readonly<Record<string, string>> = {};
    if (bearer) {
      const token = await this.#fetchToken(bearer, [], base, true, signal);
      identityToken = token.identityToken;
      headers = { Authorization: `Bearer ${token.value}` };
    } else if (this.#challenge("basic")) {
      headers = { Authorization: basicAuthorization(this.#options.credentials) };
    }
    const request = { method: "GET", url: new URL("v2/", base), headers } as const;
    const answer = await this.#options.transport.send(request, signal);
    if (answer.status !== 200) throw await readRefusal(answer);
    await answer.discard();
    return identityToken;
  }

  async #requestOnce(request: SessionRequest, signal: AbortSignal): Promise<HttpAnswer> {
    const base = await this.base(signal);
    const url = request.target instanceof URL ? request.target : new URL(request.target, base);
    const isOwn = isSameOrigin(url, base);
    for (let attempt = 1; ; attempt++) {
      const authorization = isOwn ? await this.#authorization(request.scopes, base, signal) : {};
      const plain: PlainRequest = {
        method: request.method,
        url,
        headers: { ...request.headers, ...authorization },
        ...(request.body === undefined ? {} : { body: request.body }),
      };
      const answer = await this.#options.transport.send(plain, signal);
      if (request.accepts.includes(answer.status)) return answer;
      const isStale = answer.status === 401 && isOwn && attempt === 1;
      if (isStale && this.#learn(answer, request.scopes)) {
        await answer.discard();
        continue;
      }
      if (answer.status === 401 && isOwn && this.#lacksPassword()) {
        await answer.discard();
        throw new NoCredentialsError(`${requestTitle(plain)}: ${NoCredentialsError.reason}`);
      }
      throw await readRefusal(answer);
    }
  }

  #lacksPassword(): boolean {
    const { credentials } = this.#options;
    const mayShowMore = hasPassword(credentials) || credentials.registryToken !== undefined;
    return !mayShowMore && this.#challenge("basic") !== undefined && !this.#challenge("bearer");
  }

  /** @returns Whether another try has something new to show. */
  #learn(answer: HttpAnswer, scopes: readonly string[]): boolean {
    const challenges = parseAuthChallenges(answer.header("www-authenticate") ?? "");
    if (challenges.length > 0) this.#challenges = challenges;
    this.#tokens.delete(scopes.join(" "));
    const { credentials } = this.#options;
    if (this.#challenge("bearer")) return credentials.registryToken === undefined;
    return false;
  }

  async #authorization(
    scopes: readonly string[],
    base: URL,
    signal: AbortSignal,
  ): Promise<Readonly<Record<string, string>>> {
    const { credentials, nowMs } = this.#options;
    if (credentials.registryToken !== undefined) {
      return { Authorization: `Bearer ${credentials.registryToken}` };
    }
    const bearer = this.#challenge("bearer");
    if (bearer) {
      const key = scopes.join(" ");
      let token = this.#tokens.get(key);
      if (token && (await token).expiresAtMs <= nowMs()) token = undefined;
      if (!token) {
        token = this.#fetchToken(bearer, scopes, base, false, signal);
        this.#tokens.set(key, token);
        token.catch(() => this.#tokens.delete(key));
      }
      return { Authorization: `Bearer ${(await token).value}` };
    }
    if (this.#challenge("basic") && hasPassword(credentials)) {
      return { Authorization: basicAuthorization(credentials) };
    }
    return {};
  }

  async #fetchToken(
    challenge: AuthChallenge,
    scopes: readonly string[],
    base: URL,
    wantsIdentityToken: boolean,
    signal: AbortSignal,
  ): Promise<Token> {
    const { transport, credentials, nowMs, retry } = this.#options;
    const request = {
      challenge,
      scopes,
      credentials,
      wantsIdentityToken,
      mayBePlain: base.protocol === "http:",
    };
    const send = transport.send.bind(transport);
    return await withRetries(retry, () => fetchToken(send, request, nowMs(), signal), signal);
  }

  #challenge(scheme: "basic" | "bearer"): AuthChallenge | undefined {
    return this.#challenges.find((one) => one.scheme === scheme);
  }

  /** Asks `v2/` of each base until one answers, and learns how to authenticate. */
  async #open(signal: AbortSignal): Promise<URL> {
    let last: unknown = new InternalError("An endpoint has no base");
    for (const base of this.endpoint.bases) {
      try {
        const url = new URL("v2/", base);
        const answer = await this.#options.transport.send(
          { method: "GET", url, headers: {} },
          signal,
        );
        if (answer.status === 429 || answer.status >= 500) throw await readRefusal(answer);
        this.#challenges = parseAuthChallenges(answer.header("www-authenticate") ?? "");
        await answer.discard();
        return base;
      } catch (error) {
        if (!(error instanceof UnreachableError)) throw error;
        last = error;
      }
    }
    throw last;
  }
}

/** A registry that is not there is told at once; one that is at times not is tried again. */
function mayHealOpening(error: unknown): boolean {
  return mayHeal(error) && !(error instanceof NoConnectionError);
}

/** Whether an endpoint's failure leaves room for the next one. */
export function mayTryNext(error: unknown): boolean {
  return !(error instanceof WharfError && error.kind === "cancelled");
}
