/** `e_machine` of ELF headers, by the names of OCI platforms. */
const MACHINES: ReadonlyMap<number, string> = new Map([
  [3, "386"],
  [8, "mips"],
  [20, "ppc"],
  [21, "ppc64le"],
  [22, "s390x"],
  [40, "arm"],
  [62, "amd64"],
  [183, "arm64"],
  [243, "riscv64"],
  [258, "loong64"],
]);

const ELF_MAGIC = 0x7f454c46;

/**
 * The machine that an ELF executable is built for.
 *
 * @param header The file's first 20 bytes, or more.
 * @returns Undefined for what is none, or for a machine without a name here.
 * @see elf(5), `e_machine`
 */
export function elfMachine(header: Uint8Array): string | undefined {
  if (header.length < 20) return undefined;
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  if (view.getUint32(0) !== ELF_MAGIC) return undefined;
  const isLittle = view.getUint8(5) === 1;
  return MACHINES.get(view.getUint16(18, isLittle));
}
