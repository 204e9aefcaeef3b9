import { ptr } from "bun:ffi";
import { systemError } from "./ffi/errno.ts";
import { cString, openLibc } from "./ffi/libc.ts";

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
