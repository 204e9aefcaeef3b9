import { readFileSync } from "node:fs";

/** Resident memory of a process, in MB. */
export function residentMegabytes(pid: number): number {
  const kib = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(kib) / 1024;
}

/** Looks at a process's memory every 50 ms until disposed. */
export class MemoryWatch implements Disposable {
  #peak: number;
  readonly #timer: NodeJS.Timeout;

  constructor(pid: number) {
    this.#peak = residentMegabytes(pid);
    this.#timer = setInterval(() => {
      this.#peak = Math.max(this.#peak, residentMegabytes(pid));
    }, 50);
  }

  get peakMegabytes(): number {
    return this.#peak;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
