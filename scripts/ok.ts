// `bun run ok`: every check and the unit tests, side by side; `--root` adds the tests that need root.
// Prints only what failed, then one line a check.
import { availableParallelism } from "node:os";
import { Glob } from "bun";

interface Check {
  readonly name: string;
  readonly argv: readonly string[];
}

interface Outcome {
  readonly name: string;
  readonly ok: boolean;
  readonly output: string;
  readonly seconds: number;
}

const bin = (name: string) => `node_modules/.bin/${name}`;
const tests = [...new Glob("{src,bench}/**/*.test.ts").scanSync(".")].toSorted();
const unitTests = tests.filter((path) => !/\.\w+\.test\.ts$/.test(path));
const rootTests = tests.filter((path) => path.endsWith(".root.test.ts"));
const withRoot = process.argv.includes("--root");

/** Groups of about equal length that run side by side: each test makes its own devices and folders. */
const rootGroups = ["networks", "runtime|containers", "(?!networks|runtime|containers)"];

function rootCheck(folders: string): Check {
  const files = rootTests.filter((path) => new RegExp(`^src/(${folders})`).test(path));
  return {
    name: `root tests ${rootGroups.indexOf(folders) + 1}`,
    argv: [bin("bun"), "test", "--timeout", "60000", ...files.map((path) => `./${path}`)],
  };
}

const checks: readonly Check[] = [
  { name: "types", argv: [bin("tsc"), "-p", "."] },
  {
    name: "unit tests",
    argv: [bin("bun"), "test", "--timeout", "30000", ...unitTests.map((path) => `./${path}`)],
  },
  { name: "lint", argv: [bin("oxlint"), "--type-aware", "src", "test", "scripts", "bench"] },
  { name: "format", argv: [bin("biome"), "ci", "."] },
  { name: "unused", argv: [bin("knip"), "--no-progress"] },
  { name: "layers", argv: [bin("bun"), "scripts/layers.ts"] },
  ...(withRoot ? rootGroups.map(rootCheck) : []),
];

async function run(check: Check): Promise<Outcome> {
  const start = performance.now();
  const child = Bun.spawn([...check.argv], {
    stdout: "pipe",
    stderr: "pipe",
    env: { ...process.env, NO_COLOR: "1", FORCE_COLOR: "0" },
  });
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return {
    name: check.name,
    ok: code === 0,
    output: stdout + stderr,
    seconds: (performance.now() - start) / 1000,
  };
}

/** "12 pass\n 1 fail\n 2 skip" of bun's closing lines, as counts. */
function countsOf(output: string): { passed: number; failed: number; skipped: number } {
  const count = (word: string) =>
    Number(new RegExp(`^\\s*(\\d+) ${word}$`, "m").exec(output)?.[1] ?? 0);
  return { passed: count("pass"), failed: count("fail"), skipped: count("skip") };
}

const started = performance.now();
const outcomes: Outcome[] = [];
const waiting = [...checks];
async function lane(): Promise<void> {
  for (let check = waiting.shift(); check; check = waiting.shift()) {
    const outcome = await run(check);
    outcomes.push(outcome);
    if (!outcome.ok) console.log(`--- ${outcome.name}\n${outcome.output}`);
    console.log(
      `${outcome.ok ? "ok  " : "FAIL"} ${outcome.name.padEnd(14)} ${outcome.seconds.toFixed(1)} s`,
    );
  }
}
// Root tests share the host's network devices and mounts with nothing else, so they may run beside the rest.
await Promise.all(Array.from({ length: Math.max(2, availableParallelism()) }, lane));

const totals = { passed: 0, failed: 0, skipped: 0 };
for (const outcome of outcomes) {
  const isTests = outcome.name.includes("tests");
  const counts = isTests
    ? countsOf(outcome.output)
    : { passed: outcome.ok ? 1 : 0, failed: outcome.ok ? 0 : 1, skipped: 0 };
  totals.passed += counts.passed;
  totals.failed += counts.failed === 0 && !outcome.ok ? 1 : counts.failed;
  totals.skipped += counts.skipped;
}
console.log(`${((performance.now() - started) / 1000).toFixed(1)} s in all`);
console.log(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`);
process.exit(totals.failed > 0 ? 1 : 0);
