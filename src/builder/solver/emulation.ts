import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { FailedPreconditionError } from "#base/errors.ts";
import {
  formatPlatform,
  type Platform,
  runnablePlatforms,
  isSamePlatform,
} from "#spec/platform.ts";

/** What the kernel was told of foreign programs. */
const BINFMT = "/proc/sys/fs/binfmt_misc";
/** `e_machine` of an ELF header, low byte first, and its class: 1 for 32 bits, 2 for 64. */
const MACHINES: Readonly<Record<string, { readonly machine: string; readonly class: string }>> = {
  "386": { machine: "0300", class: "01" },
  amd64: { machine: "3e00", class: "02" },
  arm: { machine: "2800", class: "01" },
  arm64: { machine: "b700", class: "02" },
  loong64: { machine: "0201", class: "02" },
  mips64le: { machine: "0800", class: "02" },
  mipsle: { machine: "0800", class: "01" },
  ppc64le: { machine: "1500", class: "02" },
  riscv64: { machine: "f300", class: "02" },
  s390x: { machine: "0016", class: "02" },
};
/** Digits before `e_machine` in a magic, and the place of the class byte. */
const MACHINE_AT = 36;
const CLASS_AT = 8;

/** Programs of which other processors this host runs, by emulators that the kernel knows (binfmt_misc). */
export function emulatedArchitectures(directory: string = BINFMT): readonly string[] {
  let names: readonly string[];
  try {
    names = readdirSync(directory);
  } catch {
    return []; // the kernel has no such thing, or nobody has mounted it
  }
  const magics = names
    .filter((name) => name !== "register" && name !== "status")
    .flatMap((name) => magicOf(join(directory, name)) ?? []);
  return Object.entries(MACHINES)
    .filter(([, wanted]) =>
      magics.some(
        (magic) =>
          magic.slice(MACHINE_AT, MACHINE_AT + wanted.machine.length) === wanted.machine &&
          magic.slice(CLASS_AT, CLASS_AT + 2) === wanted.class,
      ),
    )
    .map(([architecture]) => architecture);
}

function magicOf(path: string): string | undefined {
  const text = readFileSync(path, "utf8");
  if (!text.startsWith("enabled")) return undefined;
  return /^magic (7f454c46[0-9a-f]+)$/m.exec(text)?.[1];
}

/** What commands can be run for, the host's own first. */
export function buildPlatforms(host: Platform): readonly Platform[] {
  const own = runnablePlatforms(host);
  const more = emulatedArchitectures()
    .map((architecture): Platform => ({ os: host.os, architecture }))
    .filter((one) => !own.some(({ architecture }) => architecture === one.architecture));
  return [...own, ...more];
}

/**
 * Refuses to run a program that this host cannot: it would end with "exec format error".
 *
 * @throws {FailedPreconditionError} Saying what to install.
 */
export function checkRunnable(title: string, wanted: Platform, host: Platform): void {
  if (runnablePlatforms(host).some((one) => isSamePlatform(one, wanted))) return;
  if (wanted.os === host.os && wanted.architecture === host.architecture) return;
  if (wanted.os === host.os && emulatedArchitectures().includes(wanted.architecture)) return;
  throw new FailedPreconditionError(
    `Cannot run ${JSON.stringify(title)} for ${formatPlatform(wanted)} on a ${formatPlatform(host)} host: ` +
      `the kernel has no emulator for ${wanted.architecture} (binfmt_misc); install one, on Debian ` +
      "qemu-user-static and binfmt-support, or do the work in a stage FROM --platform=$BUILDPLATFORM",
  );
}
