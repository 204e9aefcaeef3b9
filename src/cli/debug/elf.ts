const PT_INTERP = 3;

/**
 * Whether an executable needs the dynamic linker, and so the libraries of the system it was built for.
 *
 * @param file The whole file, or at least its header and program headers.
 * @returns False also for what is no ELF file.
 * @see elf(5), `Elf64_Ehdr`, `Elf32_Ehdr`
 */
export function hasInterpreter(file: Uint8Array): boolean {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (file.length < 64 || view.getUint32(0) !== 0x7f454c46) return false;
  const is64 = view.getUint8(4) === 2;
  const isLittle = view.getUint8(5) === 1;
  const offset = is64 ? Number(view.getBigUint64(32, isLittle)) : view.getUint32(28, isLittle);
  const entryBytes = view.getUint16(is64 ? 54 : 42, isLittle);
  const count = view.getUint16(is64 ? 56 : 44, isLittle);
  for (let entry = 0; entry < count; entry++) {
    const at = offset + entry * entryBytes;
    if (at + 4 > file.length) return false;
    if (view.getUint32(at, isLittle) === PT_INTERP) return true;
  }
  return false;
}
