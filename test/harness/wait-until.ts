/**
 * Asks `probe` again and again until it gives a value, at most `timeoutMs` (10 s).
 *
 * @throws {Error} Naming `what`, when the time is over.
 */
export async function waitUntil<T>(
  what: string,
  probe: () => Promise<T | undefined | false> | T | undefined | false,
  timeoutMs = 10_000,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const value = await probe();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > deadline) throw new Error(`Waited ${timeoutMs} ms in vain: ${what}`);
    await Bun.sleep(10);
  }
}
