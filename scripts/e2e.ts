// Runs the end-to-end tests against dist/wharf: each file in a process of its own, two at a time.
// A file that fails is run once more, alone, at the end: a test that only fails beside others is named as
// flaky and printed whole, but does not hide what really broke.
// Arguments narrow them down by folder or file: `bun scripts/e2e.ts logs/ compose/hooks`.
import { Glob } from "bun";

interface Outcome {
  readonly file: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly seconds: number;
}

const LANES = 2;
const wanted = process.argv.slice(2);
const files = [...new Glob("test/e2e/*/*.test.ts").scanSync(".")]
  .filter((file) => wanted.length === 0 || wanted.some((word) => file.includes(word)))
  .toSorted();

async function runFile(file: string): Promise<Outcome> {
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
  const seconds = (performance.now() - start) / 1000;
  if (failed > 0) console.log(`--- ${file}\n${output}`);
  for (const line of output.split("\n")) if (/^\(skip\)|^SKIP /.test(line)) console.log(line);
  console.log(
    `${failed > 0 ? "FAIL" : "ok  "} ${file} (${count("pass")} passed, ${seconds.toFixed(1)} s)`,
  );
  return { file, passed: count("pass"), failed, skipped: count("skip"), seconds };
}

async function runAll(): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  const waiting = [...files];
  const lane = async (): Promise<void> => {
    for (let file = waiting.shift(); file; file = waiting.shift()) {
      outcomes.push(await runFile(file));
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return outcomes;
}

const totals = { passed: 0, failed: 0, skipped: 0 };
const flaky: string[] = [];
for (const first of await runAll()) {
  const last = first.failed > 0 ? await runFile(first.file) : first;
  if (first.failed > 0 && last.failed === 0) flaky.push(first.file);
  totals.passed += last.passed;
  totals.failed += last.failed;
  totals.skipped += last.skipped;
}
for (const file of flaky) {
  console.log(`FLAKY ${file}: failed beside others (see above), passed alone: mend it`);
}
console.log(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`);
process.exit(totals.failed > 0 ? 1 : 0);
