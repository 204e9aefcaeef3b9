import { UnavailableError } from "#base/errors.ts";
import type { Message } from "#base/protobuf/message.ts";

export type RpcMetadata = Readonly<Record<string, string | string[]>>;

/** A call under way, in both directions. */
export interface RpcStream extends AsyncDisposable {
  /** Resolves when the peer can take more. */
  send(message: Uint8Array): Promise<void>;
  /** Nothing more is sent. */
  end(): void;
  /** Ends when the peer has; one reader. @throws {StatusError} The peer ended with another status than OK. */
  readonly messages: AsyncGenerator<Uint8Array>;
}

/** Calls methods of gRPC over one connection. */
export interface RpcCaller {
  /** @throws {StatusError} The peer's refusal. {UnavailableError} It is gone. */
  call<Request, Response>(
    method: string,
    codecs: { readonly request: Message<Request>; readonly response: Message<Response> },
    request: Partial<Request>,
    signal: AbortSignal,
    metadata?: RpcMetadata,
  ): Promise<Response>;
  /** Begins a call. An abort ends it. */
  open(method: string, metadata: RpcMetadata, signal: AbortSignal): Promise<RpcStream>;
}

/** A call of one message that is answered by one. @throws As `RpcCaller.call`. */
export async function callOnce<Request, Response>(
  caller: Pick<RpcCaller, "open">,
  wish: {
    readonly method: string;
    readonly codecs: { readonly request: Message<Request>; readonly response: Message<Response> };
    readonly request: Partial<Request>;
    readonly metadata: RpcMetadata;
  },
  signal: AbortSignal,
): Promise<Response> {
  const { method, codecs, request, metadata } = wish;
  await using stream = await caller.open(method, metadata, signal);
  await stream.send(codecs.request.encode(request));
  stream.end();
  let response: Response | undefined;
  for await (const message of stream.messages) response = codecs.response.decode(message);
  if (response !== undefined) return response;
  throw new UnavailableError(`${method} gave no answer`);
}
