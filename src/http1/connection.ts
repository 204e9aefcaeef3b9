import type { Socket } from "node:net";
import type { BodyLoan } from "./body-loan.ts";
import { type Answer, SocketAnswer } from "./answer.ts";
import type { BodyFraming } from "./body-framing.ts";
import { hungUp, IncomingRequest } from "./incoming-request.ts";
import { formatRefusal, UnreadableRequestError } from "./refusal.ts";
import { isPersistent, type RequestHead } from "./request-head.ts";
import { type RawSocket, rawSocketOf } from "./raw-socket.ts";
import { RequestParser } from "./request-parser.ts";

/** Bytes of further requests that may wait for the answer to the one before. */
const PIPELINED_MAX_BYTES = 64 * 1024;
/** What is read of a body after its answer, to use the connection again. Go's bound. */
const DISCARDED_MAX_BYTES = 256 * 1024;
const LINGER_MS = 2000;

export interface ConnectionOptions {
  readonly maxHeadBytes: number;
  /** In each answer, as lines with their ends. */
  readonly commonFields: string;
  /** The time as `Date` has it. */
  readonly now: () => string;
  /** Whether the server means to go on after the answers under way. */
  readonly isOpen: () => boolean;
  /** How long a client that was told the end may go on sending; two seconds when absent. */
  readonly lingerMs?: number;
  /** Told of each request when its head is there. */
  readonly onRequest: (call: Call) => void;
}

/** One request with its answer. Its listeners are to be set before `onRequest` returns. */
export interface Call {
  readonly request: IncomingRequest;
  readonly answer: Answer;
  /**
   * Takes the connection: its bytes and its end are the caller's from now on. Only before `onRequest` returns.
   *
   * @returns What followed the head.
   */
  readonly takeOver: () => Buffer;
  /** Told of the head's status when it leaves. */
  onHead?: (status: number) => void;
  /** Told once: the client hung up, before the answer was complete or while it had more to send. */
  onHangUp?: () => void;
  /** Told once, when all is over, whatever the reason. */
  onOver?: () => void;
}

interface UnderWay {
  readonly request: IncomingRequest;
  readonly answer: SocketAnswer;
  readonly call: Call;
  readonly framing: BodyFraming;
  /** The client waits for our word before it sends the body. */
  expectsContinue: boolean;
  /** What was read of the body after the answer. */
  discardedBytes: number;
  /** By which somebody else reads the rest of the body: we must not. */
  lent: RawSocket | undefined;
}

/**
 * HTTP/1 on one connection: one request after the other, each answered before the next one is looked at.
 *
 * The socket is read all the time, also while a request is answered: only so is it known that a client is gone. It is
 * paused while a body is not read, or too much of further requests waits.
 */
export class ServerConnection {
  readonly #socket: Socket;
  readonly #options: ConnectionOptions;
  readonly #parser: RequestParser;
  #underWay: UnderWay | undefined;
  #idleSinceMs: number = performance.now();
  #isPumping = false;
  /** No more requests are read: what comes is dropped. */
  #isEnding = false;
  #hasClientEnded = false;
  #isTaken = false;
  #isWaiting = false;
  readonly #onData = (bytes: Buffer): void => this.receive(bytes);
  readonly #onEnd = (): void => this.#clientEnded();
  readonly #onClose = (): void => this.#closed();

  constructor(socket: Socket, options: ConnectionOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#parser = new RequestParser(options.maxHeadBytes);
    socket.on("data", this.#onData);
    socket.on("end", this.#onEnd);
    socket.on("close", this.#onClose);
  }

  /** Since when nothing is to be read or written; undefined while there is, or it is taken over. In ms of `performance.now`. */
  get idleSinceMs(): number | undefined {
    if (this.#isTaken || this.#socket.writableLength > 0) return undefined;
    return this.#underWay && !this.#underWay.answer.isEnded ? undefined : this.#idleSinceMs;
  }

  receive(bytes: Buffer): void {
    if (this.#isEnding) return;
    this.#parser.push(bytes);
    this.#pump();
  }

  #pump(): void {
    if (this.#isPumping) return; // an answer given at once: the loop goes on anyway
    this.#isPumping = true;
    try {
      while (this.#step());
    } catch (error) {
      if (!(error instanceof UnreadableRequestError)) throw error;
      this.#refuse(error);
    } finally {
      this.#isPumping = false;
    }
  }

  /** @returns Whether there may be more to do. */
  #step(): boolean {
    if (this.#isEnding) return false;
    const current = this.#underWay;
    if (current?.request.isComplete) {
      if (this.#parser.waitingBytes > PIPELINED_MAX_BYTES) this.#socket.pause();
      return false;
    }
    if (!current && this.#socket.writableNeedDrain) {
      this.#waitForReader();
      return false;
    }
    const event = this.#parser.next();
    if (event === undefined) {
      if (!current && this.#hasClientEnded) this.#clientEndedBetween();
      return false;
    }
    switch (event.kind) {
      case "head":
        return this.#begin(event.head, event.framing);
      case "body":
        if (current) this.#takeBody(current, event.pieces);
        return true;
      case "end":
        current?.request.complete();
        if (current?.answer.isEnded) this.#next();
        return true;
    }
  }

  /** A client that asks on and does not read would fill our memory with answers. */
  #waitForReader(): void {
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    this.#socket.pause();
    this.#socket.once("drain", () => {
      this.#isWaiting = false;
      this.#socket.resume();
      this.#pump();
    });
  }

  #begin(head: RequestHead, framing: BodyFraming): boolean {
    const socket = this.#socket;
    const request: IncomingRequest = new IncomingRequest(head, {
      socket,
      hasBody: framing.kind !== "none",
      listener: {
        onFirstRead: () => this.#sayContinue(),
        onRoom: () => {
          if (!current.lent) socket.resume();
        },
        onLend: () => this.#lend(current),
      },
    });
    const answer: SocketAnswer = new SocketAnswer({
      socket,
      method: head.method,
      minorVersion: head.minorVersion,
      commonFields: this.#options.commonFields,
      now: this.#options.now,
      mayPersist: () => this.#mayPersist(),
      onHead: (status) => call.onHead?.(status),
      onEnd: () => this.#answered(),
    });
    const call: Call = { request, answer, takeOver: () => this.#takeOver() };
    const expectation = head.minorVersion > 0 ? head.fields.get("expect") : undefined;
    const expectsContinue = expectation?.toLowerCase() === "100-continue";
    const current: UnderWay = {
      ...{ request, answer, call, framing, expectsContinue },
      ...{ discardedBytes: 0, lent: undefined },
    };
    this.#underWay = current;
    if (expectation !== undefined && !expectsContinue) {
      this.#isEnding = true;
      answer.writeHead(417, { "Content-Length": 0 });
      answer.end();
    } else this.#options.onRequest(call);
    if (this.#isLastAsked && this.#underWay) this.#tellHangUp(this.#underWay);
    return true;
  }

  #takeBody(current: UnderWay, pieces: readonly Uint8Array[]): void {
    current.expectsContinue = false; // it did not wait
    if (!current.answer.isEnded) {
      current.request.push(pieces);
      if (current.request.isFull) this.#socket.pause();
      return;
    }
    for (const piece of pieces) current.discardedBytes += piece.byteLength;
    if (current.discardedBytes > DISCARDED_MAX_BYTES) this.#finish();
  }

  #sayContinue(): void {
    const current = this.#underWay;
    if (!current?.expectsContinue) return;
    current.expectsContinue = false;
    if (!current.answer.headersSent) this.#socket.write("HTTP/1.1 100 Continue\r\n\r\n");
  }

  #mayPersist(): boolean {
    const current = this.#underWay;
    if (!current || this.#isEnding || this.#isLastAsked || !this.#options.isOpen()) return false;
    const { request, framing, expectsContinue, lent } = current;
    if (lent) return false;
    if (!isPersistent(request.head)) return false;
    if (request.isComplete) return true;
    // a client that was not told to go on may send the body, or its next request
    return !expectsContinue && !(framing.kind === "length" && framing.bytes > DISCARDED_MAX_BYTES);
  }

  /** @see LendableBytes.lend */
  async #lend(current: UnderWay): Promise<BodyLoan | undefined> {
    const socket = this.#socket;
    const raw = rawSocketOf(socket);
    if (!raw) return undefined;
    current.lent = raw;
    socket.pause();
    // this may run while the socket's bytes are being handed out, of which more may follow
    await new Promise<void>((resolve) => setImmediate(resolve));
    raw.pause();
    while (socket.read() !== null); // what came meanwhile: it comes as any, by `receive`
    raw.pause(); // the stream asked for more
    const rest = this.#parser.bodyRest;
    const isGone = this.#isEnding || socket.destroyed || this.#underWay !== current;
    if (rest && !isGone) {
      return { descriptor: raw.descriptor, rest, giveBack: () => this.#takeLoanBack(current) };
    }
    this.#readAgain(current);
    return undefined;
  }

  #takeLoanBack(current: UnderWay): void {
    if (this.#underWay !== current) return;
    this.#parser.skipBody();
    current.request.complete();
    this.#readAgain(current);
  }

  #readAgain(current: UnderWay): void {
    const { lent } = current;
    current.lent = undefined;
    lent?.resume();
    this.#socket.resume();
  }

  #answered(): void {
    const current = this.#underWay;
    if (!current) return;
    this.#idleSinceMs = performance.now();
    const isLast = this.#isEnding || this.#isLastAsked || !current.answer.isPersistent;
    if (isLast) return this.#finish();
    if (current.request.isComplete) this.#next();
    else current.request.discard();
  }

  /** The request is over: on to the next one. */
  #next(): void {
    const current = this.#underWay;
    this.#underWay = undefined;
    this.#idleSinceMs = performance.now();
    if (current) tellOver(current);
    if (!this.#options.isOpen()) return this.#finish();
    if (this.#socket.isPaused()) this.#socket.resume();
    this.#pump();
  }

  /** Ends our direction; what the client still sends is dropped, so that it reads our answer. */
  #finish(): void {
    this.#isEnding = true;
    const current = this.#underWay;
    this.#underWay = undefined;
    this.#parser.takeRest();
    const socket = this.#socket;
    // not before all has left: a slow reader is to have the whole answer
    socket.end(() => this.#linger());
    current?.lent?.resume();
    socket.resume();
    if (current) tellOver(current);
  }

  #linger(): void {
    const socket = this.#socket;
    if (socket.destroyed) return;
    const cut = setTimeout(() => socket.destroy(), this.#options.lingerMs ?? LINGER_MS);
    cut.unref();
    socket.once("close", () => clearTimeout(cut));
  }

  #refuse(error: UnreadableRequestError): void {
    const current = this.#underWay;
    if (current && !current.answer.isEnded) {
      // its body cannot be read on; who answers it learns that, and tells the client
      this.#isEnding = true;
      current.request.fail(error);
      return;
    }
    this.#socket.write(formatRefusal(error));
    this.#finish();
  }

  /** The client has ended its direction, and asked nothing after what is under way. */
  get #isLastAsked(): boolean {
    return this.#hasClientEnded && this.#parser.waitingBytes === 0;
  }

  /** Go's server too takes it for gone, though it may read on: over TCP the two look the same. */
  #clientEnded(): void {
    this.#hasClientEnded = true;
    const current = this.#underWay;
    if (!current) return this.#pump();
    if (current.answer.isEnded) return this.#finish();
    if (this.#isLastAsked) this.#tellHangUp(current);
  }

  #clientEndedBetween(): void {
    if (this.#parser.waitingBytes === 0) return this.#finish();
    this.#refuse(new UnreadableRequestError("the head has no end"));
  }

  #closed(): void {
    this.#isEnding = true;
    const current = this.#underWay;
    this.#underWay = undefined;
    if (!current) return;
    if (!current.answer.isEnded) this.#tellHangUp(current);
    tellOver(current);
  }

  #tellHangUp({ request, call }: UnderWay): void {
    request.fail(hungUp());
    const { onHangUp } = call;
    delete call.onHangUp;
    onHangUp?.();
  }

  #takeOver(): Buffer {
    this.#isEnding = true;
    this.#isTaken = true;
    this.#underWay = undefined;
    this.#socket.off("data", this.#onData);
    this.#socket.off("end", this.#onEnd);
    this.#socket.off("close", this.#onClose);
    return this.#parser.takeRest();
  }
}

function tellOver({ call }: UnderWay): void {
  const { onOver } = call;
  delete call.onOver;
  onOver?.();
}
