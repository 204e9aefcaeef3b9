import type { StatusResponse } from "#spec/buildkit/control.ts";
import type { BuildView } from "./build-view.ts";
import { failedSteps } from "./failed-steps.ts";
import { statusText } from "./status-text.ts";
import { isCancelled, Steps, stepSeconds, type StepView } from "./steps.ts";

/** What a name has at most, in characters. */
const NAME_MAX = 72;
/** How long a step that says nothing keeps the place of others that do. */
const QUIET_MS = 5_000;

/**
 * A line a change, each with its step's number, as buildx's `--progress=plain`: one step at a time has the place, until it has
 * ended, or says nothing for long.
 */
export class PlainView implements BuildView {
  readonly #steps = new Steps();
  readonly #write: (text: string) => void;
  readonly #now: () => number;
  /** Steps with news. */
  readonly #waiting = new Set<string>();
  #current: StepView | undefined;
  readonly #title: string;
  #hasTold = false;
  #nextNumber = 1;
  #toldMs = 0;

  /** @param title Stands above the first step; none where it is empty. */
  constructor(write: (text: string) => void, title: string, now: () => number) {
    this.#write = write;
    this.#now = now;
    this.#title = title;
  }

  onStatus(status: StatusResponse): void {
    for (const digest of this.#steps.apply(status)) this.#waiting.add(digest);
    this.#tell();
  }

  end(): void {
    for (const digest of [...this.#waiting]) this.#show(digest);
    this.#write(failedSteps(this.#steps.byDigest.values()));
  }

  #tell(): void {
    const current = this.#current;
    if (current && this.#waiting.has(current.digest) && isDone(current)) this.#show(current.digest);
    const steps = [...this.#waiting].flatMap((digest) => this.#steps.byDigest.get(digest) ?? []);
    for (const step of steps) if (isDone(step)) this.#show(step.digest);
    if (this.#current && this.#waiting.has(this.#current.digest)) this.#show(this.#current.digest);
    else if (!this.#current || this.#now() - this.#toldMs > QUIET_MS) {
      const next = steps.find((step) => step.startedMs !== undefined && !isDone(step));
      if (next) this.#show(next.digest);
    }
  }

  #show(digest: string): void {
    this.#waiting.delete(digest);
    const step = this.#steps.byDigest.get(digest);
    // one that is only announced comes when it begins
    if (!step || (step.startedMs === undefined && step.completedMs === undefined)) return;
    this.#toldMs = this.#now();
    if (step.number === 0) step.number = this.#nextNumber++;
    if (this.#current !== step) this.#begin(step);
    const tell = (text: string): void => this.#write(`#${step.number} ${text}\n`);
    for (const id of step.changed) {
      const status = step.statuses.get(id);
      if (status) tell(statusText(status));
    }
    step.changed.clear();
    for (const { short } of step.warnings.splice(0)) {
      tell(`WARN: ${Buffer.from(short).toString()}`);
    }
    if (isDone(step)) this.#steps.flush(step);
    for (const { text, seconds } of step.lines.splice(0)) tell(`${seconds.toFixed(3)} ${text}`);
    this.#current = step;
    if (!isDone(step)) return;
    this.#current = undefined;
    if (step.error !== "") tell(isCancelled(step) ? "CANCELED" : `ERROR: ${step.error}`);
    else if (step.isCached) tell("CACHED");
    else tell(`DONE ${stepSeconds(step).toFixed(1)}s`);
  }

  #begin(step: StepView): void {
    if (this.#current) this.#write(`#${this.#current.number} ...\n`);
    if (!this.#hasTold && this.#title !== "") this.#write(`#0 ${this.#title}\n\n`);
    else if (this.#hasTold) this.#write("\n");
    this.#hasTold = true;
    const { name } = step;
    const shown = name.length > NAME_MAX ? `${name.slice(0, NAME_MAX - 3)}...` : name;
    this.#write(`#${step.number} ${shown}\n`);
  }
}

function isDone({ completedMs }: StepView): boolean {
  return completedMs !== undefined;
}
