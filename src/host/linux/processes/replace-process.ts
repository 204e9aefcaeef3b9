import { ptr } from "bun:ffi";
import { systemError } from "#host/linux/ffi/errno.ts";
import { cString, openLibc } from "#host/linux/ffi/libc.ts";

const F_SETFD = 2;
const FD_CLOEXEC = 1;

/**
 * Decides whether descriptors outlive an execve(2). Bun marks all from 4 on to be closed as it starts.
 *
 * @throws A class of `base/errors.ts` by errno: one of them is not open.
 */
export function setKeptAcrossExec(descriptors: readonly number[], isKept: boolean): void {
  const libc = openLibc();
  for (const fd of descriptors) {
    if (libc.call.fcntl(fd, F_SETFD, isKept ? 0 : FD_CLOEXEC) === 0) continue;
    throw systemError(`Cannot hand descriptor ${fd} on`, libc.errno());
  }
}

/**
 * execve(2): the process goes on as another program, with its pid and its standard descriptors.
 *
 * @param path Absolute.
 * @throws A class of `base/errors.ts` by errno; otherwise it does not return.
 */
export function replaceProcess(
  path: string,
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
): never {
  const libc = openLibc();
  const strings = (texts: readonly string[]) => texts.map(cString);
  const argvStrings = strings(argv);
  const envStrings = strings(Object.entries(env).map(([name, value]) => `${name}=${value}`));
  const program = cString(path);
  const argvPointers = pointersTo(argvStrings);
  const envPointers = pointersTo(envStrings);
  libc.call.execve(ptr(program), ptr(argvPointers), ptr(envPointers));
  throw systemError(`Cannot run ${path}`, libc.errno());
}

/** The array of pointers that C wants, with a zero at its end. */
function pointersTo(texts: readonly Uint8Array[]): BigUint64Array {
  return BigUint64Array.from([...texts.map((text) => BigInt(ptr(text))), 0n]);
}
