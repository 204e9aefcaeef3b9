import type { ContainersBackend } from "#api/containers/backend.ts";
import { NotFoundError } from "#base/errors.ts";
import type { ContainerDetails, ExecDetails, WaitResult } from "#containers/containers.ts";
import type { FilesOutput } from "#containers/files/workers.ts";
import { batchOf } from "#logs/batch.ts";
import type { LogEntry } from "#logs/logs.ts";
import type { AttachStream } from "#runtime/runtime.ts";
import { parseExecConfig } from "#spec/engine-api/exec-config.ts";
import type { PathStat } from "#spec/engine-api/path-stat.ts";
import { parseDigest } from "#spec/digest.ts";
import { newExecId } from "#spec/ids.ts";

const FILE_STAT: PathStat = {
  name: "file",
  sizeBytes: 4,
  mode: 0o644,
  mtime: "2026-01-02T03:04:05Z",
  linkTarget: "",
};

function outputOf(text: string, more: { readonly stat?: PathStat } = {}): FilesOutput {
  return {
    ...more,
    chunks: (async function* () {
      yield Buffer.from(text);
    })(),
    [Symbol.asyncDispose]: async () => {},
  };
}

/** A process that answers each input with `echo:`, and ends at end of input. */
export class EchoStream implements AttachStream {
  readonly written: string[] = [];
  isDisposed = false;
  readonly #output: { readonly stream: "stdout" | "stderr"; readonly bytes: Uint8Array }[] = [];
  #hasEnded = false;
  #wake: (() => void) | undefined;

  async *output(): AsyncIterable<{
    readonly stream: "stdout" | "stderr";
    readonly bytes: Uint8Array;
  }> {
    for (;;) {
      const next = this.#output.shift();
      if (next) yield next;
      else if (this.#hasEnded) return;
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }

  async write(input: Uint8Array): Promise<void> {
    const text = Buffer.from(input).toString("latin1");
    this.written.push(text);
    this.#output.push({ stream: "stdout", bytes: Buffer.from(`echo:${text}`, "latin1") });
    this.#output.push({ stream: "stderr", bytes: Buffer.from("!") });
    this.#wake?.();
  }

  endInput(): void {
    this.#hasEnded = true;
    this.#wake?.();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.isDisposed = true;
  }
}

type Recorder = (...args: readonly unknown[]) => Promise<void>;

/** One container and one exec in memory; what a test does not need rejects. */
export class FakeContainers implements ContainersBackend {
  readonly stream: EchoStream = new EchoStream();
  readonly waiting: PromiseWithResolvers<WaitResult> = Promise.withResolvers<WaitResult>();
  readonly calls: string[] = [];
  logEntries: readonly LogEntry[] = [];
  execFailure: Error | undefined;
  readonly #details: ContainerDetails;
  readonly #exec: ExecDetails;

  constructor(
    details: ContainerDetails,
    exec: object = { Cmd: ["sh"], AttachStdin: true, AttachStdout: true },
  ) {
    this.#details = details;
    this.#exec = {
      id: newExecId(() => new Uint8Array(32).fill(0xab)),
      containerId: details.record.id,
      config: parseExecConfig(exec),
      status: "created",
      pid: 0,
    };
  }

  async create(
    ...[request]: Parameters<ContainersBackend["create"]>
  ): ReturnType<ContainersBackend["create"]> {
    this.calls.push(`create ${request.name} ${request.body.config.Image}`);
    return { id: this.#details.record.id, warnings: [] };
  }
  readonly start: Recorder = this.#recorder("start");
  readonly createCheckpoint: Recorder = this.#recorder("createCheckpoint");
  readonly removeCheckpoint: Recorder = this.#recorder("removeCheckpoint");

  listCheckpoints(reference: string, directory: string | undefined): readonly string[] {
    this.resolve(reference);
    return directory === undefined ? ["one", "two"] : [];
  }

  readonly stop: Recorder = this.#recorder("stop");
  readonly restart: Recorder = this.#recorder("restart");
  readonly kill: Recorder = this.#recorder("kill");
  readonly pause: Recorder = this.#recorder("pause");
  readonly unpause: Recorder = this.#recorder("unpause");
  readonly rename: Recorder = this.#recorder("rename");
  readonly remove: Recorder = this.#recorder("remove");
  readonly resize: Recorder = this.#recorder("resize");
  readonly resizeExec: Recorder = this.#recorder("resizeExec");

  async update(
    ...[reference, request]: Parameters<ContainersBackend["update"]>
  ): ReturnType<ContainersBackend["update"]> {
    this.calls.push(`update ${reference} ${JSON.stringify(request.resources)}`);
    return request.warnings;
  }

  async prune(): ReturnType<ContainersBackend["prune"]> {
    return { ids: [], reclaimedBytes: 0 };
  }

  async list(): Promise<readonly ContainerDetails[]> {
    return [this.#details];
  }

  async get(reference: string): Promise<ContainerDetails> {
    this.resolve(reference);
    return this.#details;
  }

  resolve(reference: string): ContainerDetails["record"]["id"] {
    const { record } = this.#details;
    if (reference === record.name || record.id.startsWith(reference)) return record.id;
    throw new NotFoundError(`No such container: ${reference}`);
  }

  wait(): Promise<WaitResult> {
    this.calls.push("wait");
    return this.waiting.promise;
  }

  logs(reference: string): ReturnType<ContainersBackend["logs"]> {
    this.resolve(reference);
    const entries = this.logEntries;
    return {
      terminal: this.#details.record.config.Tty,
      batches: (async function* () {
        yield batchOf(entries);
      })(),
    };
  }

  async attach(): ReturnType<ContainersBackend["attach"]> {
    return { terminal: this.#details.record.config.Tty, stream: this.stream };
  }

  async top(): ReturnType<ContainersBackend["top"]> {
    return { titles: ["PID"], processes: [["1"]] };
  }

  async statPath(...[, path]: Parameters<ContainersBackend["statPath"]>): Promise<PathStat> {
    if (path !== "/file") throw new NotFoundError(`Could not find the file ${path}`);
    return FILE_STAT;
  }

  async readArchive(): ReturnType<ContainersBackend["readArchive"]> {
    return outputOf("archive", { stat: FILE_STAT });
  }

  async writeArchive(
    ...[, target, archive]: Parameters<ContainersBackend["writeArchive"]>
  ): Promise<void> {
    let bytes = 0;
    for await (const chunk of archive) bytes += chunk.length;
    this.calls.push(`writeArchive ${JSON.stringify(target)} ${bytes}`);
  }

  async export(): ReturnType<ContainersBackend["export"]> {
    return outputOf("root");
  }

  async changes(): ReturnType<ContainersBackend["changes"]> {
    return outputOf("null\n");
  }

  async commit(
    ...[reference, request]: Parameters<ContainersBackend["commit"]>
  ): ReturnType<ContainersBackend["commit"]> {
    this.calls.push(`commit ${reference} ${JSON.stringify(request)}`);
    return parseDigest(`sha256:${"1".repeat(64)}`);
  }

  stats(): ReturnType<ContainersBackend["stats"]> {
    return Promise.reject(new NotFoundError("No such container"));
  }

  async createExec(): ReturnType<ContainersBackend["createExec"]> {
    return this.#exec.id;
  }

  async startExec(
    ...[, options]: Parameters<ContainersBackend["startExec"]>
  ): ReturnType<ContainersBackend["startExec"]> {
    this.calls.push(`startExec ${JSON.stringify(options)}`);
    if (this.execFailure) throw this.execFailure;
    return options.detach
      ? { terminal: options.terminal }
      : { terminal: options.terminal, stream: this.stream };
  }

  leaveExec(execId: string): void {
    this.calls.push(`leaveExec ${execId}`);
  }

  inspectExec(): ExecDetails {
    return this.#exec;
  }

  #recorder(verb: string): Recorder {
    return async (...args) => {
      const shown = args.filter((arg) => !(arg instanceof AbortSignal));
      this.calls.push([verb, ...shown.map((arg) => JSON.stringify(arg))].join(" "));
    };
  }
}
