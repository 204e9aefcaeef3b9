import {
  InvalidArgumentError,
  messageOf,
  ResourceExhaustedError,
  UnavailableError,
} from "#base/errors.ts";
import type { ByteConnection } from "./byte-connection.ts";
import {
  ACK,
  CONTINUATION,
  contentOf,
  DATA,
  decodeNumber,
  decodeSettings,
  encodeFrame,
  encodeNumber,
  encodeSettings,
  END_HEADERS,
  END_STREAM,
  type Frame,
  FRAME_MAX_BYTES,
  FrameSplitter,
  GO_AWAY,
  HEADERS,
  PING,
  PREFACE,
  PUSH,
  RESET,
  SETTINGS,
  WINDOW_UPDATE,
} from "./frames.ts";
import { encodeFields, FieldDecoder, type HeaderField } from "./hpack.ts";
import { PeerStream, STREAM_WINDOW_BYTES, type StreamOwner } from "./peer-stream.ts";

const ENABLE_PUSH_SETTING = 2;
const MOST_STREAMS_SETTING = 3;
const INITIAL_WINDOW_SETTING = 4;
const PROTOCOL_ERROR = 1;
const DEFAULT_WINDOW_BYTES = 65_535;
/** … and all of them together. */
const CONNECTION_WINDOW_BYTES = 16 * 1024 * 1024;
/** Of frames that wait for the connection, beyond which streams wait. */
const QUEUE_MAX_BYTES = 512 * 1024;
/** Of one stream's headers. */
const BLOCK_MAX_BYTES = 1024 * 1024;
/** What a window may grow to. */
const WINDOW_MAX_BYTES = 2 ** 31 - 1;
/** Streams of the other side at once; who answers them holds it to that. */
export const MOST_STREAMS: number = 200;

export interface PeerOptions {
  /** Who begins: a client's streams have odd numbers. */
  readonly role: "client" | "server";
  /** A stream that the other side has begun. */
  readonly onStream: (stream: PeerStream, fields: readonly HeaderField[]) => void;
}

interface OpenBlock {
  readonly streamId: number;
  /** Of its first frame. */
  readonly flags: number;
  readonly parts: Uint8Array[];
  bytes: number;
}

/**
 * One end of HTTP/2, for gRPC alone: no pushes, no priorities, headers without compression. `node:http2` does all of it and
 * costs a client, together with what it loads, as much as all of its other work; on Bun it can neither read what came with
 * a request's head, nor queue streams beyond the other side's limit.
 *
 * The other side may lie: what it sends beyond its windows, or asks for without reading, ends the connection.
 *
 * @see RFC 9113
 */
export class Http2Peer implements StreamOwner {
  readonly #connection: ByteConnection;
  readonly #options: PeerOptions;
  readonly #streams = new Map<number, PeerStream>();
  readonly #decoder = new FieldDecoder();
  readonly #splitter = new FrameSplitter();
  #nextId = 1;
  #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  #wake = Promise.withResolvers<void>();
  #sendWindow = DEFAULT_WINDOW_BYTES;
  #streamSendWindow = DEFAULT_WINDOW_BYTES;
  /** What we may be sent yet. */
  #receiveWindow = CONNECTION_WINDOW_BYTES;
  #unreportedBytes = 0;
  /** The last stream that the other side began. */
  #lastPeerId = 0;
  #pumping: Promise<void> | undefined;
  /** Headers whose block goes on in the next frame. */
  #open: OpenBlock | undefined;
  #prefaceLeft: number;
  #failure: Error | undefined;

  constructor(connection: ByteConnection, options: PeerOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#prefaceLeft = options.role === "server" ? PREFACE.byteLength : 0;
    if (options.role === "client") this.#enqueue(PREFACE);
    this.#send(
      SETTINGS,
      0,
      0,
      encodeSettings([
        [ENABLE_PUSH_SETTING, 0],
        [MOST_STREAMS_SETTING, MOST_STREAMS],
        [INITIAL_WINDOW_SETTING, STREAM_WINDOW_BYTES],
      ]),
    );
    const more = CONNECTION_WINDOW_BYTES - DEFAULT_WINDOW_BYTES;
    this.#send(WINDOW_UPDATE, 0, 0, encodeNumber(more));
  }

  /** Reads until the connection ends; streams that are open then fail. Never rejects. */
  async run(): Promise<void> {
    try {
      for (;;) {
        const chunk = await this.#connection.read();
        if (!chunk) break;
        const rest = this.#withoutPreface(chunk);
        for (const frame of this.#splitter.push(rest)) this.#take(frame);
      }
      this.#fail(new UnavailableError("The connection has ended"));
    } catch (error) {
      this.#fail(new UnavailableError(messageOf(error), { cause: error }));
      this.#sayGoodbye(messageOf(error));
    } finally {
      this.close();
    }
  }

  /** Begins a stream. @throws {UnavailableError} The connection has ended. */
  open(fields: readonly HeaderField[]): PeerStream {
    if (this.#failure) throw this.#failure;
    const id = this.#nextId;
    this.#nextId += 2;
    const stream = new PeerStream(id, this, this.#streamSendWindow);
    this.#streams.set(id, stream);
    this.sendFields(id, fields, false);
    return stream;
  }

  close(): void {
    this.#fail(new UnavailableError("The connection was closed"));
    this.#connection.close();
  }

  sendFields(id: number, fields: readonly HeaderField[], isLast: boolean): void {
    const block = encodeFields(fields);
    for (let at = 0; at === 0 || at < block.byteLength; at += FRAME_MAX_BYTES) {
      const isEnd = at + FRAME_MAX_BYTES >= block.byteLength;
      const flags = (isEnd ? END_HEADERS : 0) | (at === 0 && isLast ? END_STREAM : 0);
      this.#send(
        at === 0 ? HEADERS : CONTINUATION,
        flags,
        id,
        block.subarray(at, at + FRAME_MAX_BYTES),
      );
    }
  }

  async sendData(stream: PeerStream, bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.byteLength; ) {
      for (;;) {
        if (this.#failure) throw this.#failure;
        stream.throwIfOver();
        const mayGo = this.#sendWindow > 0 && stream.sendWindow > 0;
        if (mayGo && this.#queuedBytes < QUEUE_MAX_BYTES) break;
        await this.#wake.promise;
      }
      const most = Math.min(FRAME_MAX_BYTES, this.#sendWindow, stream.sendWindow);
      const part = bytes.subarray(at, at + most);
      this.#sendWindow -= part.byteLength;
      stream.sendWindow -= part.byteLength;
      at += part.byteLength;
      this.#send(DATA, 0, stream.id, part);
    }
  }

  sendEnd(id: number): void {
    this.#send(DATA, END_STREAM, id, new Uint8Array());
  }

  sendReset(id: number, code: number): void {
    this.#send(RESET, 0, id, encodeNumber(code));
  }

  /** The windows are opened again when half of them is used up, rather than after each frame. */
  consumed(bytes: number): void {
    this.#unreportedBytes += bytes;
    if (this.#unreportedBytes < CONNECTION_WINDOW_BYTES / 2) return;
    this.#receiveWindow += this.#unreportedBytes;
    this.#send(WINDOW_UPDATE, 0, 0, encodeNumber(this.#unreportedBytes));
    this.#unreportedBytes = 0;
  }

  sendWindowUpdate(id: number, bytes: number): void {
    this.#send(WINDOW_UPDATE, 0, id, encodeNumber(bytes));
  }

  forget(id: number): void {
    this.#streams.delete(id);
    this.#wakeAll();
  }

  #withoutPreface(chunk: Uint8Array): Uint8Array {
    if (this.#prefaceLeft === 0) return chunk;
    const from = PREFACE.byteLength - this.#prefaceLeft;
    const length = Math.min(this.#prefaceLeft, chunk.byteLength);
    const wanted = Buffer.from(PREFACE.subarray(from, from + length));
    if (!wanted.equals(chunk.subarray(0, length))) {
      throw new InvalidArgumentError("The other side does not speak HTTP/2");
    }
    this.#prefaceLeft -= length;
    return chunk.subarray(length);
  }

  #take(frame: Frame): void {
    const { type, flags, streamId, payload } = frame;
    if (this.#open && (type !== CONTINUATION || streamId !== this.#open.streamId)) {
      throw new InvalidArgumentError("Headers are not gone on with");
    }
    switch (type) {
      case DATA:
        return this.#takeData(frame);
      case HEADERS:
        return this.#takeBlock({ streamId, flags, parts: [], bytes: 0 }, contentOf(frame), flags);
      case CONTINUATION:
        if (!this.#open) throw new InvalidArgumentError("There are no headers to go on with");
        return this.#takeBlock(this.#open, payload, flags);
      case RESET:
        this.#streams.get(streamId)?.takeReset(decodeNumber(payload));
        return;
      case SETTINGS:
        if (!(flags & ACK)) this.#takeSettings(payload);
        return;
      case PUSH:
        throw new InvalidArgumentError("The other side pushes");
      case PING:
        if (!(flags & ACK)) this.#reply(PING, payload);
        return;
      case GO_AWAY:
        // what is under way goes on; nothing new is begun on it by anybody
        return;
      case WINDOW_UPDATE:
        return this.#takeWindow(streamId, decodeNumber(payload));
      default:
        return; // kinds that are not known are passed over (section 4.1)
    }
  }

  #takeData(frame: Frame): void {
    const { streamId, flags, payload } = frame;
    this.#receiveWindow -= payload.byteLength;
    if (this.#receiveWindow < 0) throw new InvalidArgumentError("The connection's window is full");
    const stream = this.#streams.get(streamId);
    // of a stream that we have given up: its bytes count for the connection
    if (!stream) return this.consumed(payload.byteLength);
    stream.takeData(contentOf(frame), payload.byteLength);
    if (flags & END_STREAM) stream.takeEnd();
  }

  /** @param flags Of the frame that brought `part`. */
  #takeBlock(open: OpenBlock, part: Uint8Array, flags: number): void {
    open.parts.push(part);
    // an empty part counts too: there may be no end of them
    open.bytes += Math.max(1, part.byteLength);
    if (open.bytes > BLOCK_MAX_BYTES) throw new InvalidArgumentError("Headers are too long");
    this.#open = flags & END_HEADERS ? undefined : open;
    if (this.#open) return;
    const fields = this.#decoder.decode(Buffer.concat(open.parts));
    const isLast = (open.flags & END_STREAM) !== 0;
    const known = this.#streams.get(open.streamId);
    if (known) {
      known.takeFields(fields);
      if (isLast) known.takeEnd();
      return;
    }
    // trailers of a stream that we have given up
    if (this.#options.role === "client" || open.streamId <= this.#lastPeerId) return;
    if (open.streamId % 2 === 0) throw new InvalidArgumentError("A stream has a server's number");
    this.#lastPeerId = open.streamId;
    const stream = new PeerStream(open.streamId, this, this.#streamSendWindow);
    this.#streams.set(open.streamId, stream);
    if (isLast) stream.takeEnd();
    this.#options.onStream(stream, fields);
  }

  #takeSettings(payload: Uint8Array): void {
    for (const [name, value] of decodeSettings(payload)) {
      if (name !== INITIAL_WINDOW_SETTING) continue;
      if (value > WINDOW_MAX_BYTES) throw new InvalidArgumentError("A window is too large");
      const change = value - this.#streamSendWindow;
      this.#streamSendWindow = value;
      for (const stream of this.#streams.values()) stream.sendWindow += change;
    }
    this.#reply(SETTINGS, new Uint8Array());
    this.#wakeAll();
  }

  #takeWindow(streamId: number, more: number): void {
    const stream = this.#streams.get(streamId);
    if (streamId === 0) this.#sendWindow += more;
    else if (stream) stream.sendWindow += more;
    if (Math.max(this.#sendWindow, stream?.sendWindow ?? 0) > WINDOW_MAX_BYTES) {
      throw new InvalidArgumentError("A window is too large");
    }
    this.#wakeAll();
  }

  /** @throws {ResourceExhaustedError} The other side asks and asks, and does not read the answers. */
  #reply(type: number, payload: Uint8Array): void {
    if (this.#queuedBytes > QUEUE_MAX_BYTES) {
      throw new ResourceExhaustedError("The other side does not read its answers");
    }
    this.#send(type, ACK, 0, payload);
  }

  /** Tells why the connection ends, where the other side still reads. */
  #sayGoodbye(reason: string): void {
    if (this.#pumping) return;
    const last = encodeNumber(this.#lastPeerId);
    const payload = Buffer.concat([last, encodeNumber(PROTOCOL_ERROR), Buffer.from(reason)]);
    const bytes = encodeFrame({ type: GO_AWAY, flags: 0, streamId: 0, payload });
    this.#connection.write(bytes).catch(() => undefined); // it is gone: nobody to tell
  }

  #send(type: number, flags: number, streamId: number, payload: Uint8Array): void {
    this.#enqueue(encodeFrame({ type, flags, streamId, payload }));
  }

  #enqueue(bytes: Uint8Array): void {
    if (this.#failure) return;
    this.#queue.push(bytes);
    this.#queuedBytes += bytes.byteLength;
    // what is sent in one turn goes in one write
    this.#pumping ??= Promise.resolve().then(() => this.#pump());
  }

  async #pump(): Promise<void> {
    try {
      while (this.#queue.length > 0) {
        const all = Buffer.concat(this.#queue);
        this.#queue = [];
        this.#queuedBytes = 0;
        await this.#connection.write(all);
        this.#wakeAll();
      }
    } catch (error) {
      this.#fail(new UnavailableError(messageOf(error), { cause: error }));
    } finally {
      this.#pumping = undefined;
    }
  }

  #wakeAll(): void {
    const { resolve } = this.#wake;
    this.#wake = Promise.withResolvers();
    resolve();
  }

  #fail(failure: Error): void {
    if (this.#failure) return;
    this.#failure = failure;
    for (const stream of this.#streams.values()) stream.takeFailure(failure);
    this.#wakeAll();
  }
}
