import { replaceProcess, setKeptAcrossExec } from "#host/linux/processes/replace-process.ts";

/**
 * JavaScriptCore sizes its heap by the machine's memory: on 24 GB it lets some 70 MB of dead chunks gather
 * while an image streams through before it collects. Told of less it collects after a few. With too little
 * it does hardly anything else: 200 MB of a request's body took 1.8 s of CPU at 64 and 96 MB, near which the
 * daemon's own objects come, and 0.4 s from 128 MB on, with 10 MB more at the peak. It reads this once, before
 * any code runs, so the daemon starts itself anew (10 ms) where it is unset.
 */
const HEAP_VARIABLE = "BUN_JSC_forceRAMSize";
const HEAP_BYTES = 128 * 1024 * 1024;

/**
 * Returns only in a process whose heap is small; the pid stays.
 *
 * @param inherited Descriptors that were handed over, which stay open.
 */
export function ensureSmallHeap(
  environment: Readonly<Record<string, string | undefined>>,
  command: readonly string[],
  inherited: readonly number[],
): void {
  const [executable] = command;
  if (environment[HEAP_VARIABLE] !== undefined || executable === undefined) return;
  const kept = Object.entries(environment).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  );
  setKeptAcrossExec(inherited, true);
  replaceProcess(executable, command, {
    ...Object.fromEntries(kept),
    [HEAP_VARIABLE]: String(HEAP_BYTES),
  });
}
