import { FailedPreconditionError, messageOf, PermissionDeniedError } from "#base/errors.ts";
import type { Plugins } from "#plugins/plugins.ts";
import type { AuthorizationCall, AuthorizationReply, Authorizer } from "./authorizer.ts";

/** A plugin that takes longer stops every client of the engine. */
const ANSWER_TIMEOUT_MS = 30_000;

interface Verdict {
  readonly isAllowed: boolean;
  readonly message: string;
  readonly failure: string;
}

/**
 * Authorization by plugins, all of which must allow. One that is down, or answers nonsense, denies: nothing
 * passes unasked.
 *
 * @see Docker Engine, "Access authorization plugin".
 */
export class PluginAuthorizer implements Authorizer {
  readonly #plugins: Plugins;
  #names: readonly string[] = [];

  constructor(plugins: Plugins) {
    this.#plugins = plugins;
  }

  get isActive(): boolean {
    return this.#names.length > 0;
  }

  get names(): readonly string[] {
    return this.#names;
  }

  /**
   * From now on these are asked, in this order.
   *
   * @throws {NotFoundError} One is not there; then everything stays as it was.
   */
  async use(names: readonly string[]): Promise<void> {
    const distinct = [...new Set(names)];
    for (const name of distinct) await this.#plugins.get(name, "authz");
    this.#names = distinct;
  }

  async checkCall(call: AuthorizationCall, signal?: AbortSignal): Promise<void> {
    await this.#ask("AuthZPlugin.AuthZReq", wireCall(call), signal);
  }

  async checkReply(
    call: AuthorizationCall,
    reply: AuthorizationReply,
    signal?: AbortSignal,
  ): Promise<void> {
    const body = { ...wireCall(call), ...wireReply(reply) };
    await this.#ask("AuthZPlugin.AuthZRes", body, signal);
  }

  async #ask(method: string, body: object, signal: AbortSignal | undefined): Promise<void> {
    for (const name of this.#names) {
      const verdict = await this.#askOne(name, method, body, signal);
      if (verdict.failure !== "") throw failed(name, verdict.failure);
      if (!verdict.isAllowed) {
        throw new PermissionDeniedError(
          `authorization denied by plugin ${name}: ${verdict.message}`,
        );
      }
    }
  }

  async #askOne(
    name: string,
    method: string,
    body: object,
    signal: AbortSignal | undefined,
  ): Promise<Verdict> {
    try {
      const { client } = await this.#plugins.get(name, "authz", signal);
      return await client.call(
        method,
        body,
        (answer) => ({
          isAllowed: answer.boolean("Allow") === true,
          message: answer.string("Msg") ?? "",
          failure: answer.string("Err") ?? "",
        }),
        { timeoutMs: ANSWER_TIMEOUT_MS, ...(signal ? { signal } : {}) },
      );
    } catch (error) {
      signal?.throwIfAborted();
      throw failed(name, messageOf(error), error);
    }
  }
}

function failed(name: string, why: string, cause?: unknown): FailedPreconditionError {
  return new FailedPreconditionError(`plugin ${name} failed with error: ${why}`, { cause });
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}

function wireCall(call: AuthorizationCall): object {
  return {
    ...(call.user === "" ? {} : { User: call.user }),
    ...(call.userAuthenticationMethod === ""
      ? {}
      : { UserAuthNMethod: call.userAuthenticationMethod }),
    RequestMethod: call.method,
    RequestUri: call.uri,
    ...(call.body && call.body.byteLength > 0 ? { RequestBody: base64(call.body) } : {}),
    RequestHeaders: call.headers,
    ...(call.peerCertificates.length === 0
      ? {}
      : { RequestPeerCertificates: call.peerCertificates.map((pem) => base64(Buffer.from(pem))) }),
  };
}

function wireReply(reply: AuthorizationReply): object {
  return {
    ...(reply.body && reply.body.byteLength > 0 ? { ResponseBody: base64(reply.body) } : {}),
    ResponseHeaders: reply.headers,
    ResponseStatusCode: reply.status,
  };
}
