import { writeSync } from "node:fs";
import type { Libc } from "#host/linux/ffi/libc.ts";
import { openMemoryFile } from "./memory-file.ts";
import { OwnedDescriptor } from "#host/linux/sockets/owned-descriptor.ts";

/** Unless it can hide the mount in a namespace of its own, the launcher must not touch the host's. */
const FAILURE = "Cannot give the OCI runtime a mount namespace or an input of its own\n";
const HIDDEN = "/sys/fs/cgroup/unified";

const SCRIPT = `#!/bin/sh
exec unshare --mount --propagation slave -- sh -c 'mount -t tmpfs tmpfs ${HIDDEN}; exec "$@"' sh "$@"
`;

/** An executable that is there as long as this process and the object are. */
export interface RuntimeLauncher extends Disposable {
  readonly path: string;
}

/**
 * crun refuses a host that mounts a v2 cgroup beside the v1 hierarchies while the v2 one has a
 * controller. The launcher starts it where that mount is hidden: `launcher /usr/bin/crun create …`
 * unshares its mount namespace, makes its copy of the mounts a slave of the host's, puts an empty tmpfs
 * over the v2 cgroup (merely unmounted, crun leaves folders behind in the tmpfs beneath) and becomes
 * crun. The copy ends with crun, so no mount of the host or of another container stays pinned;
 * it is taken anew each time, so hosts whose mounts are private show crun their newest ones too.
 *
 * It is an executable rather than setns(2) before the spawn because conmon, which lives as long as the
 * container and must not hold such a copy, is what starts crun. On x86-64 it is machine code in a
 * memory file (0.5 ms a start; a script doing the same takes 4 ms), elsewhere that script.
 */
export function openRuntimeLauncher(libc: Libc): RuntimeLauncher {
  return openExecutable(libc, process.arch === "x64" ? x64Image(X64_CODE) : Buffer.from(SCRIPT));
}

/**
 * A launcher whose command reads the end of a pipe as its standard input, a pipe that nobody writes to; a shell
 * that does the same takes 1 ms more.
 *
 * @param options.hidesUnified It also does what `openRuntimeLauncher` says.
 * @returns Undefined where there is no machine code for this processor.
 */
export function tryOpenEmptyInputLauncher(
  libc: Libc,
  options: { readonly hidesUnified: boolean },
): RuntimeLauncher | undefined {
  if (process.arch !== "x64") return undefined;
  const next = options.hidesUnified ? X64_GO_ON : X64_SKIP_HIDING;
  return openExecutable(libc, x64Image(X64_EMPTY_INPUT + next + X64_CODE));
}

function openExecutable(libc: Libc, image: Buffer): RuntimeLauncher {
  const fd = openMemoryFile(libc, "runtime-launcher");
  writeSync(fd, image);
  const descriptor = new OwnedDescriptor(libc, fd, "the runtime's launcher");
  return {
    path: `/proc/${process.pid}/fd/${fd}`,
    [Symbol.dispose]: () => descriptor[Symbol.dispose](),
  };
}

/** The text segment, loaded at 4 MiB: ELF header and one program header, then code, then strings. */
function x64Image(hexCode: string): Buffer {
  const loadAddress = 0x400000n;
  const headerBytes = 64 + 56;
  const code = Buffer.from(hexCode.replace(/#.*$|\s/gm, ""), "hex");
  const body = Buffer.concat([code, Buffer.from(`/\0tmpfs\0${HIDDEN}\0${FAILURE}`)]);
  const header = Buffer.alloc(headerBytes);
  header.write("\x7fELF\x02\x01\x01", "latin1"); // 64-bit, little-endian, version 1
  header.writeUInt16LE(2, 16); // ET_EXEC
  header.writeUInt16LE(62, 18); // EM_X86_64
  header.writeUInt32LE(1, 20);
  header.writeBigUInt64LE(loadAddress + BigInt(headerBytes), 24); // entry
  header.writeBigUInt64LE(64n, 32); // program headers' offset
  header.writeUInt16LE(64, 52); // size of this header
  header.writeUInt16LE(56, 54); // size and number of program headers
  header.writeUInt16LE(1, 56);
  header.writeUInt32LE(1, 64); // PT_LOAD
  header.writeUInt32LE(5, 68); // readable, executable
  header.writeBigUInt64LE(0n, 72);
  header.writeBigUInt64LE(loadAddress, 80);
  header.writeBigUInt64LE(loadAddress, 88);
  header.writeBigUInt64LE(BigInt(headerBytes + body.length), 96);
  header.writeBigUInt64LE(BigInt(headerBytes + body.length), 104);
  header.writeBigUInt64LE(0x1000n, 112);
  return Buffer.concat([header, body]);
}

// The strings follow the code in the order root "/", "tmpfs", HIDDEN, FAILURE (0x45 bytes).
const X64_CODE = `
  48833c2402        # cmp qword [rsp], 2     argc: the command is argv[1]
  7c62              # jl fail
  bf00000200        # mov edi, CLONE_NEWNS
  b810010000 0f05   # unshare
  85c0 7552         # jnz fail
  31ff              # xor edi, edi
  488d356f000000    # lea rsi, [root]
  31d2              # xor edx, edx
  41ba00400800      # mov r10d, MS_REC | MS_SLAVE
  4531c0            # xor r8d, r8d
  b8a5000000 0f05   # mount
  85c0 7533         # jnz fail
  488d3d54000000    # lea rdi, [tmpfs]
  488d3553000000    # lea rsi, [hidden]
  4889fa            # mov rdx, rdi
  4531d2            # xor r10d, r10d
  b8a5000000 0f05   # mount; where there is no such folder nothing needs hiding
  488b0c24          # mov rcx, [rsp]
  488d742410        # lea rsi, [rsp+16]      argv + 1
  488d54cc10        # lea rdx, [rsp+rcx*8+16] environment
  488b3e            # mov rdi, [rsi]
  b83b000000 0f05   # execve
  89c3              # fail: mov ebx, eax
  bf02000000        # mov edi, 2
  488d3537000000    # lea rsi, [failure]
  ba45000000        # mov edx, 0x45
  b801000000 0f05   # write
  bf7d000000        # mov edi, 125
  b83c000000 0f05   # exit
`;

// Comes right before X64_CODE, whose `fail` is 0x69 bytes after its beginning; then one of the two jumps.
const X64_EMPTY_INPUT = `
  488d7c24f8        # lea rdi, [rsp-8]
  be00000800        # mov esi, O_CLOEXEC    both ends close as the command begins
  b825010000 0f05   # pipe2
  85c0 757c         # jnz fail
  8b7c24f8          # mov edi, [rsp-8]      the end to read
  31f6              # xor esi, esi
  b821000000 0f05   # dup2
  85c0 756b         # jnz fail
`;
const X64_GO_ON = "eb00 # jmp to X64_CODE";
const X64_SKIP_HIDING = "eb51 # jmp to its execve";
