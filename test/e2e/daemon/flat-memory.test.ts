// The daemon's memory stays flat while much goes through logs, attach and load.
import { expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { mustRun } from "../../harness/command.ts";
import { DOCKER, startEngine } from "../../harness/engine.ts";
import { MemoryWatch, residentMegabytes } from "../../harness/memory.ts";

const MEGABYTES = process.env["WHARF_TEST_LONG"] ? 2_000 : 300;
const ALLOWED_GROWTH_MB = 30;

test(`${MEGABYTES} MB through attach, logs and load leave the daemon within ${ALLOWED_GROWTH_MB} MB`, async () => {
  await using engine = await startEngine();
  const tar = join(engine.root, "big.tar");
  const shell = (script: string) =>
    mustRun(["sh", "-c", script], { env: { ...engine.environment() }, timeoutMs: 600_000 });
  const produce = `head -c ${MEGABYTES}m /dev/zero | tr '\\0' x | fold -w 1000`;
  // Once small, so that what every path needs is there before the first reading.
  await engine.mustDocker(
    "run",
    "--name",
    "small",
    "busybox",
    "sh",
    "-c",
    "head -c 20m /dev/zero | tr '\\0' x | fold -w 1000",
  );
  await shell(`${DOCKER} logs small >/dev/null; ${DOCKER} save busybox >/dev/null`);
  const before = residentMegabytes(engine.pid);
  const readings: string[] = [`${before.toFixed(0)} MB before`];
  using watch = new MemoryWatch(engine.pid);
  try {
    const attached = await shell(
      `${DOCKER} run --name big --log-opt max-size=-1 busybox sh -c "${produce}" | wc -c`,
    );
    expect(Number(attached.stdout)).toBeGreaterThanOrEqual(MEGABYTES * 1024 * 1024);
    readings.push(`${watch.peakMegabytes.toFixed(0)} MB with attach`);
    expect((await shell(`${DOCKER} logs big | wc -c`)).stdout).toBe(attached.stdout);
    readings.push(`${watch.peakMegabytes.toFixed(0)} MB with logs`);
    await shell(
      `head -c ${MEGABYTES}m /dev/urandom >${engine.root}/blob; tar -C ${engine.root} -cf ${tar} blob`,
    );
    await shell(
      `${DOCKER} import ${tar} big:1; ${DOCKER} save big:1 >${tar}; ${DOCKER} rmi big:1; ${DOCKER} load -i ${tar}`,
    );
    readings.push(`${watch.peakMegabytes.toFixed(0)} MB with import, save and load`);
  } finally {
    rmSync(tar, { force: true });
  }
  console.log(`flat-memory.test.ts: ${readings.join(", ")}`);
  expect(watch.peakMegabytes - before).toBeLessThan(ALLOWED_GROWTH_MB);
}, 900_000);
