// Runs the end-to-end tests against dist/wharf: each file in a process of its own, two at a time.
// Arguments narrow them down: `bun scripts/e2e.ts run exec`.
import { Glob } from "bun";

const wanted = process.argv.slice(2);
const files = [...new Glob("test/e2e/*.test.ts").scanSync(".")]
  .filter((file) => wanted.length === 0 || wanted.some((word) => file.includes(word)))
  .toSorted();

const totals = { passed: 0, failed: 0, skipped: 0 };
let running: Promise<void>[] = [];

async function runFile(file: string): Promise<void> {
  const start = performance.now();
  const child = Bun.spawn(["node_modules/.bin/bun", "test", "--timeout", "120000", `./${file}`], {
    stdout: "pipe",
    stderr: "pipe",
    env: { ...process.env, NO_COLOR: "1", WHARF_AUTOSTART: "0" },
  });
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  const output = stdout + stderr;
  const count = (word: string) =>
    Number(new RegExp(`^\\s*(\\d+) ${word}$`, "m").exec(output)?.[1] ?? 0);
  const failed = Math.max(count("fail"), code === 0 ? 0 : 1);
  totals.passed += count("pass");
  totals.failed += failed;
  totals.skipped += count("skip");
  if (failed > 0) console.log(`--- ${file}\n${output}`);
  for (const line of output.split("\n")) if (/^\(skip\)|^SKIP /.test(line)) console.log(line);
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`${failed > 0 ? "FAIL" : "ok  "} ${file} (${count("pass")} passed, ${seconds} s)`);
}

for (const file of files) {
  while (running.length >= 2) await Promise.race(running);
  const run: Promise<void> = runFile(file).then(() => {
    running = running.filter((other) => other !== run);
  });
  running.push(run);
}
await Promise.all(running);
console.log(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`);
process.exit(totals.failed > 0 ? 1 : 0);
