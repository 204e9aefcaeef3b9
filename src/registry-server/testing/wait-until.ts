/**
 * Asks `probe` again and again until it says yes, at most ten seconds.
 *
 * @throws {Error} Naming `what`, when the time is over.
 */
export async function waitUntil(what: string, probe: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!(await probe())) {
    if (performance.now() > deadline) throw new Error(`waited in vain: ${what}`);
    await Bun.sleep(10);
  }
}
