import { InvalidArgumentError } from "#base/errors.ts";
import type { Message } from "#base/protobuf/message.ts";

/** One call as its method sees it. */
export interface RpcCall {
  /** Values by name in lower case; a name may have several. */
  readonly metadata: ReadonlyMap<string, readonly string[]>;
  /** One reader. */
  readonly requests: AsyncIterable<Uint8Array>;
  /** Aborts when the client gives the call up or is gone. */
  readonly signal: AbortSignal;
}

/** What it yields is answered message by message. */
export type RpcMethod = (call: RpcCall) => AsyncIterable<Uint8Array>;

/** Full names (`/package.Service/Method`) to what they do. */
export type RpcMethods = ReadonlyMap<string, RpcMethod>;

/** A method that takes one message and gives one. */
export function unary<Request, Response>(
  request: Message<Request>,
  response: Message<Response>,
  handle: (request: Request, call: RpcCall) => Promise<Partial<Response>>,
): RpcMethod {
  return async function* answerOne(call) {
    yield response.encode(await handle(await onlyRequest(request, call), call));
  };
}

/** A method that takes one message and gives many. */
export function serverStream<Request, Response>(
  request: Message<Request>,
  response: Message<Response>,
  handle: (request: Request, call: RpcCall) => AsyncIterable<Partial<Response>>,
): RpcMethod {
  return async function* answerMany(call) {
    for await (const one of handle(await onlyRequest(request, call), call)) {
      yield response.encode(one);
    }
  };
}

async function onlyRequest<Request>(
  request: Message<Request>,
  { requests }: RpcCall,
): Promise<Request> {
  let only: Request | undefined;
  // to the end: a reader that leaves early ends the whole stream
  for await (const bytes of requests) {
    if (only !== undefined) throw new InvalidArgumentError("The call has more than one request");
    only = request.decode(bytes);
  }
  if (only === undefined) throw new InvalidArgumentError("The call has no request");
  return only;
}
