import type { AuthorizationCall, AuthorizationReply, Authorizer } from "#auth/authorizer.ts";
import { firstFailure, messageOf, WharfError } from "#base/errors.ts";
import type { Call } from "#http1/connection.ts";
import { type HttpRequest, withBody } from "#http1/incoming-request.ts";
import type { RequestHead } from "#http1/request-head.ts";
import { describeCall, describeFailure, HeldAnswer, readShownBody } from "#api/authorization.ts";
import { answerForError } from "#api/errors.ts";
import { type Exchange, sendErrorBody } from "#api/exchange.ts";
import { asHijack, type HijackExchange, openHijack } from "#api/hijack.ts";
import type { ApiLog } from "#api/log.ts";
import { Query } from "#api/query.ts";
import { type Match, type Route, Router } from "#api/router.ts";
import { MAX_API_VERSION } from "#spec/engine-api/version.ts";
import type { Calls, OpenCall } from "./calls.ts";
import { isTakeover } from "./takeover.ts";
import { shapeOf, splitTarget, type Target } from "./target.ts";

export interface DispatcherOptions {
  readonly routes: readonly Route[];
  readonly calls: Calls;
  readonly log: ApiLog;
  readonly authorizer: Authorizer | undefined;
  readonly explain: (thrown: unknown) => unknown;
  readonly onAnswer: ApiObserver | undefined;
  /** In each answer of a connection that was taken over. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Told of each answer, when its head has been written. */
export type ApiObserver = (answer: {
  readonly method: string;
  /** As the route has it: `/containers/{id}/json`. */
  readonly path: string;
  readonly status: number;
  readonly seconds: number;
}) => void;

interface Destination {
  readonly target: Target;
  readonly match: Match | undefined;
}

const UPGRADED: AuthorizationReply = { status: 101, headers: {} };
const NOT_FOUND = { message: "page not found", kind: "not-found" };

/** Brings requests to their handlers, and what these throw to the clients. */
export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #router: Router;
  /** A head that comes again on its connection is the same object. */
  readonly #destinations = new WeakMap<RequestHead, Destination>();

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#router = new Router(options.routes);
  }

  readonly onRequest = (call: Call): void => {
    const { request } = call;
    const { target, match } = this.#destinationOf(request.head);
    const open = this.#options.calls.begin(() => routeName(request));
    if (match && isTakeover(match.route, request)) {
      void this.#takeOver(call, target, match, open);
      return;
    }
    call.onHangUp = open.hangUp;
    call.onOver = open.over;
    if (!match) return sendErrorBody(call.answer, 404, NOT_FOUND);
    if (this.#options.onAnswer) observe(call, match.route, this.#options.onAnswer);
    void this.#answer(call, target, match, open);
  };

  #destinationOf(head: RequestHead): Destination {
    let destination = this.#destinations.get(head);
    if (!destination) {
      const target = splitTarget(head.target);
      destination = { target, match: this.#router.find(head.method, target.path) };
      this.#destinations.set(head, destination);
    }
    return destination;
  }

  async #answer(call: Call, target: Target, match: Match, open: OpenCall): Promise<void> {
    const { request, answer: response } = call;
    try {
      this.#logCall(request, target);
      await this.#serve(match.route, {
        request,
        response,
        version: shapeOf(target),
        params: match.params,
        query: new Query(target.query),
        explain: this.#options.explain,
        get signal() {
          return open.signal;
        },
      });
    } catch (error) {
      const { status, body } = this.#tellFailure(request, error);
      if (response.headersSent) response.destroy();
      else sendErrorBody(response, status, body);
    }
  }

  async #serve(route: Route, exchange: Exchange): Promise<void> {
    const { authorizer } = this.#options;
    if (!authorizer?.isActive) return await handle(route, exchange);
    const { request, response, signal } = exchange;
    // the body of an attach is the container's input
    const isInput = route.kind === "hijack" && route.path.endsWith("/attach");
    const body = isInput ? undefined : await readShownBody(request, request);
    const call = describeCall(request, body);
    await authorizer.checkCall(call, signal);
    const held = new HeldAnswer(response, this.#options.headers);
    const shown = body ? { request: withBody(request, body) } : {};
    try {
      await handle(route, { ...exchange, ...shown, response: held });
    } catch (error) {
      await this.#tell(authorizer, call, describeFailure(error));
      throw error;
    }
    const reply = held.describe(call.uri);
    if (held.headersSent) return await this.#tell(authorizer, call, reply);
    await authorizer.checkReply(call, reply, signal);
    held.release();
  }

  /** Plugins hear of what failed or is sent already, but cannot change it. */
  async #tell(
    authorizer: Authorizer,
    call: AuthorizationCall,
    reply: AuthorizationReply,
  ): Promise<void> {
    try {
      await authorizer.checkReply(call, reply);
    } catch (denial) {
      this.#options.log.debug(`Too late to deny ${call.method} ${call.uri}`, {
        error: messageOf(denial),
      });
    }
  }

  /** Until its first await it runs before `onRequest` returns, as taking over demands. */
  async #takeOver(call: Call, target: Target, match: Match, open: OpenCall): Promise<void> {
    const { request } = call;
    const { socket } = request;
    const head = call.takeOver();
    socket.once("close", () => {
      open.hangUp();
      open.over();
    });
    this.#logCall(request, target);
    const opened = openHijack({
      request,
      socket,
      head,
      context: {
        version: MAX_API_VERSION, // one that is refused is answered through it too
        params: match.params,
        query: new Query(target.query),
        signal: open.signal,
        explain: this.#options.explain,
      },
      headers: this.#options.headers,
    });
    let isAnswered = false;
    try {
      const exchange = { ...opened, version: shapeOf(target) };
      const told = await this.#authorizeTakeover(request, opened);
      await handleTakeover(match.route, {
        ...exchange,
        accept: (contentType) => {
          isAnswered = true;
          return opened.accept(contentType);
        },
        takeSocket: () => {
          isAnswered = true;
          return opened.takeSocket();
        },
      });
      if (told) await this.#tell(told.authorizer, told.call, UPGRADED);
    } catch (error) {
      const { status, body } = this.#tellFailure(request, error);
      if (isAnswered) socket.destroy();
      else {
        const headers = { "Content-Type": "application/json" };
        opened.respond(status, headers, `${JSON.stringify(body)}\n`);
      }
    }
  }

  async #authorizeTakeover(
    request: HttpRequest,
    exchange: HijackExchange,
  ): Promise<{ authorizer: Authorizer; call: AuthorizationCall } | undefined> {
    const { authorizer } = this.#options;
    if (!authorizer?.isActive) return undefined;
    const call = describeCall(request, await readShownBody(request, exchange.peekBody()));
    await authorizer.checkCall(call, exchange.signal);
    return { authorizer, call };
  }

  /** Names of parameters only: a value may be a secret (`buildargs`). */
  #logCall({ method, url }: HttpRequest, { query }: Target): void {
    const { log } = this.#options;
    if (!log.isDebug) return;
    const parameters = [...new URLSearchParams(query).keys()].join(",");
    log.debug(`Calling ${method} ${withoutQuery(url)}`, { parameters });
  }

  #tellFailure(
    request: HttpRequest,
    failure: unknown,
  ): { readonly status: number; readonly body: object } {
    const error = firstFailure(failure);
    const { status, body, isBug } = answerForError(this.#options.explain(error));
    const route = routeName(request);
    const { log } = this.#options;
    if (error !== failure) {
      log.error(`Undoing of ${route} failed`, { error: messageOf(failure) });
    }
    if (isBug) {
      const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
      log.error(`Handler for ${route} failed`, { error: detail });
    } else if (!(error instanceof WharfError && error.kind === "cancelled")) {
      log.debug(`Handler for ${route} returned error`, { error: messageOf(error), status });
    }
    return { status, body };
  }
}

async function handle(route: Route, exchange: Exchange): Promise<void> {
  if (route.kind === "answer") await route.handle(exchange);
  else await route.handle(asHijack(exchange));
}

async function handleTakeover(route: Route, exchange: HijackExchange): Promise<void> {
  if (route.kind === "hijack") await route.handle(exchange);
}

function observe(call: Call, { method, path }: Route, observer: ApiObserver): void {
  const beginMs = performance.now();
  call.onHead = (status) =>
    observer({ method, path, status, seconds: (performance.now() - beginMs) / 1000 });
}

function routeName({ method, url }: HttpRequest): string {
  return `${method} ${withoutQuery(url)}`;
}

function withoutQuery(url: string): string {
  const mark = url.indexOf("?");
  return mark < 0 ? url : url.slice(0, mark);
}
