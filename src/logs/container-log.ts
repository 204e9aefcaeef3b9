import { join } from "node:path";
import { FailedPreconditionError, messageOf, UnsupportedError } from "#base/errors.ts";
import type { Files } from "#host/files.ts";
import { readStore, type ReadClock } from "./lines/read.ts";
import { LineSink } from "./lines/sink.ts";
import { LineStore } from "./lines/store.ts";
import type {
  Delivery,
  LogAttributes,
  LogBatch,
  LogProcess,
  LogReadRequest,
  LogShipper,
  LoggedContainer,
  ShippingDriver,
} from "./logs.ts";
import type { FileLimits } from "./options/files.ts";
import { removeCheckpoint } from "./spool/checkpoint.ts";
import { Pump, type PumpOptions } from "./spool/pump.ts";
import { ShipSink } from "./spool/ship-sink.ts";
import { Spool } from "./spool/spool.ts";

/** Behind conmon by more than this, the container waits for its log's files. */
const HOLD_BYTES = 4 * 1024 * 1024;
/** What a driver that sends away may leave on the disk while the other end does not take it. */
const HOLD_SHIPPED_BYTES = 64 * 1024 * 1024;

const KEPT_CHECKPOINT = "container.log.kept";
const SENT_CHECKPOINT = "container.log.sent";
/** A short run and its answers go first: its few lines are taken over behind them. */
const FIRST_WRITE_PAUSE_MS = 25;
const CHECKPOINTS = [KEPT_CHECKPOINT, SENT_CHECKPOINT] as const;

/** What the options of one container come to. */
export interface LogPlan {
  /** The files that are kept; absent for `none` and a driver whose cache is disabled. */
  readonly kept?: { readonly path: string; readonly limits: FileLimits };
  readonly attributes: LogAttributes;
  readonly shipping?: ShippingDriver;
  readonly delivery: Delivery;
}

export interface LogParts {
  readonly files: Pick<Files, "onceChanged">;
  readonly clock: ReadClock;
  readonly warn: (message: string) => void;
}

/** The log of one container over its runs. */
export class ContainerLog {
  readonly #parts: LogParts;
  readonly #store: LineStore | undefined;
  readonly #spool: Spool;
  #container: LoggedContainer;
  #plan: LogPlan;
  #pumps: Pump[] = [];
  #ships: ShipSink | undefined;
  /** Opened by `begin` for the run that is about to start. */
  #shipper: LogShipper | undefined;
  #ending: Promise<void> | undefined;
  #firstWrite: Disposable | undefined;

  constructor(container: LoggedContainer, plan: LogPlan, parts: LogParts) {
    this.#container = container;
    this.#plan = plan;
    this.#parts = parts;
    this.#spool = new Spool(container.directory, parts.files, parts.warn);
    const { kept } = plan;
    this.#store = kept && new LineStore({ path: kept.path, ...kept.limits }, parts.warn);
  }

  /** @throws {FailedPreconditionError} The other end cannot be reached. */
  async begin(container: LoggedContainer, plan: LogPlan, signal: AbortSignal): Promise<void> {
    await this.#ending;
    this.#container = container;
    this.#plan = plan;
    if (!plan.shipping) return;
    await this.#shipper?.[Symbol.asyncDispose]();
    this.#shipper = undefined;
    try {
      this.#shipper = await plan.shipping.open(container, signal);
    } catch (error) {
      signal.throwIfAborted();
      throw new FailedPreconditionError(
        `failed to create task for container: failed to initialize logging driver: ${messageOf(error)}`,
        { cause: error },
      );
    }
  }

  /** Of a container that has written nothing yet, no more is begun than a watch: many never write. */
  follow(process: LogProcess): void {
    this.#spool.process = process;
    this.#store?.touch();
    if (this.#spool.isEmpty) this.#firstWrite = this.#watchFirstWrite();
    if (!this.#firstWrite || !this.#spool.isEmpty) this.#startPumps();
  }

  /** The run is over. What the disk or the other end refuses now stays in the spool for the next run. */
  async end(): Promise<void> {
    this.#ending ??= this.#end().finally(() => {
      this.#ending = undefined;
    });
    await this.#ending;
  }

  /** Ends where it is, for another daemon. */
  async stop(): Promise<void> {
    this.#forgetWatch();
    await Promise.all(this.#pumps.map((pump) => pump.stop()));
    await this.#close();
  }

  /** The container goes. Those who follow, and the other end, get what is left. */
  async forget(): Promise<void> {
    if (this.#store?.isFollowed || this.#ships) await this.end();
    else await this.stop();
  }

  read(request: LogReadRequest, signal: AbortSignal): AsyncIterable<LogBatch> {
    if (!this.#store) {
      const other = this.#plan.shipping?.read?.(this.#container, request, signal);
      if (other) return other;
      throw new UnsupportedError("configured logging driver does not support reading");
    }
    return this.#read(this.#store, request, signal);
  }

  async *#read(
    store: LineStore,
    request: LogReadRequest,
    signal: AbortSignal,
  ): AsyncGenerator<LogBatch> {
    let isOver = !request.follow || !this.#spool.isWritten;
    if (!isOver) await store.open();
    await this.#settle(signal);
    const writerGone = request.writerGone ?? Promise.resolve();
    const over = writerGone
      .then(() => this.#settle(signal))
      .then(() => {
        isOver = true;
        store.notify();
      });
    // an abort ends the reading too
    over.catch(() => undefined);
    yield* readStore(store, request, this.#parts.clock, () => isOver, signal);
  }

  async #settle(signal: AbortSignal): Promise<void> {
    if (!this.#spool.isWritten) {
      // What a full disk kept from being taken over when the run ended.
      if (!this.#spool.isEmpty || this.#ending) await this.end();
      return;
    }
    if (!this.#spool.isEmpty) this.#startPumps();
    await this.#pumps[0]?.settle(signal);
  }

  async #end(): Promise<void> {
    this.#spool.process = undefined;
    if (!this.#spool.isEmpty) this.#startPumps();
    this.#forgetWatch();
    const results = await Promise.all(this.#pumps.map((pump) => pump.end()));
    const isAll = results.every(Boolean);
    if (isAll) {
      this.#spool.clear();
      for (const name of CHECKPOINTS) removeCheckpoint(join(this.#container.directory, name));
    }
    await this.#close();
  }

  async #close(): Promise<void> {
    this.#pumps = [];
    await this.#store?.close();
    await this.#ships?.[Symbol.asyncDispose]();
    this.#ships = undefined;
    await this.#shipper?.[Symbol.asyncDispose]();
    this.#shipper = undefined;
  }

  #watchFirstWrite(): Disposable | undefined {
    try {
      return this.#parts.files.onceChanged(this.#spool.currentPath, () => {
        const watch = this.#firstWrite;
        void this.#parts.clock.delay(FIRST_WRITE_PAUSE_MS).then(() => {
          if (watch === this.#firstWrite) this.#startPumps();
        });
      });
    } catch {
      return undefined; // conmon is about to make the file: the pump waits for it
    }
  }

  #forgetWatch(): void {
    this.#firstWrite?.[Symbol.dispose]();
    this.#firstWrite = undefined;
  }

  #startPumps(): void {
    this.#forgetWatch();
    if (this.#pumps.length > 0) return;
    const { delivery, shipping, attributes } = this.#plan;
    const { directory } = this.#container;
    const { clock, warn } = this.#parts;
    const common = { spool: this.#spool, clock, warn };
    const options: PumpOptions[] = [];
    if (this.#store) {
      options.push({
        ...common,
        sink: new LineSink(this.#store, attributes),
        checkpointPath: join(directory, KEPT_CHECKPOINT),
        isCheckpointedOften: false,
        holdsWhileFailing: false,
        ...(delivery.isBlocking ? { holdBytes: HOLD_BYTES } : {}),
      });
    }
    if (shipping) {
      this.#ships = new ShipSink((signal) => this.#openShipper(shipping, signal));
      options.push({
        ...common,
        sink: this.#ships,
        checkpointPath: join(directory, SENT_CHECKPOINT),
        isCheckpointedOften: true,
        holdsWhileFailing: true,
        ...(delivery.isBlocking
          ? { holdBytes: HOLD_SHIPPED_BYTES }
          : { keepBytes: delivery.bufferBytes }),
      });
    }
    this.#pumps = options.map((each) => new Pump(each));
    for (const pump of this.#pumps) pump.start();
  }

  async #openShipper(shipping: ShippingDriver, signal: AbortSignal): Promise<LogShipper> {
    const opened = this.#shipper ?? (await shipping.open(this.#container, signal));
    this.#shipper = undefined;
    return opened;
  }
}
