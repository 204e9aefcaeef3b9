import type { Message } from "#base/protobuf/message.ts";
import type { RpcStream } from "#rpc/call.ts";

/** The calls of one build that its client drives: methods of `LLBBridge` by name. */
export interface Gateway {
  /** @throws {StatusError} */
  call<Request, Response>(
    method: string,
    codecs: { readonly request: Message<Request>; readonly response: Message<Response> },
    request: Partial<Request>,
    signal: AbortSignal,
  ): Promise<Response>;
  open(method: string, signal: AbortSignal): Promise<RpcStream>;
}
