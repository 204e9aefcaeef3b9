import { ptr } from "bun:ffi";
import type { Libc } from "#host/linux/ffi/libc.ts";

const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const MSG_CMSG_CLOEXEC = 0x40000000;
const MSGHDR_BYTES = 56;
/** Of `msg_controllen` in it. */
const CONTROL_LENGTH_AT = 40;
const IOVEC_BYTES = 16;
const CMSGHDR_BYTES = 16;
const DESCRIPTOR_BYTES = 4;

/**
 * Sends bytes with descriptors (SCM_RIGHTS), which whoever receives them gets as its own.
 *
 * @param descriptors One at least; the kernel takes 253.
 * @returns What sendmsg(2) does.
 */
export function sendDescriptors(
  libc: Libc,
  socket: number,
  message: { readonly data: Buffer; readonly descriptors: readonly number[] },
  flags: number,
): number {
  const { data, descriptors } = message;
  const control = Buffer.alloc(CMSGHDR_BYTES + descriptors.length * DESCRIPTOR_BYTES);
  control.writeBigUInt64LE(BigInt(control.length), 0);
  control.writeInt32LE(SOL_SOCKET, 8);
  control.writeInt32LE(SCM_RIGHTS, 12);
  for (const [index, descriptor] of descriptors.entries()) {
    control.writeInt32LE(descriptor, CMSGHDR_BYTES + index * DESCRIPTOR_BYTES);
  }
  return libc.call.sendmsg(socket, messageHeader(data, control), flags);
}

/**
 * Receives what `sendDescriptors` sent: never more than one such message.
 *
 * @param into For the bytes.
 * @returns What recvmsg(2) does, and the descriptors, which are the caller's and close-on-exec.
 */
export function receiveDescriptors(
  libc: Libc,
  socket: number,
  into: { readonly data: Buffer; readonly mostDescriptors: number },
  flags: number,
): { readonly length: number; readonly descriptors: readonly number[] } {
  const control = Buffer.alloc(CMSGHDR_BYTES + into.mostDescriptors * DESCRIPTOR_BYTES);
  const header = messageHeader(into.data, control);
  const length = libc.call.recvmsg(socket, header, flags | MSG_CMSG_CLOEXEC);
  const hasSome = length >= 0 && header.readBigUInt64LE(CONTROL_LENGTH_AT) > 0n;
  const bytes = hasSome ? control.readUInt32LE(0) - CMSGHDR_BYTES : 0;
  const descriptors = Array.from({ length: bytes / DESCRIPTOR_BYTES }, (_, index) =>
    control.readInt32LE(CMSGHDR_BYTES + index * DESCRIPTOR_BYTES),
  );
  return { length, descriptors };
}

/** struct msghdr, with its one struct iovec behind it. */
function messageHeader(data: Buffer, control: Buffer): Buffer {
  const header = Buffer.alloc(MSGHDR_BYTES + IOVEC_BYTES);
  header.writeBigUInt64LE(BigInt(ptr(header) + MSGHDR_BYTES), 16);
  header.writeBigUInt64LE(1n, 24);
  header.writeBigUInt64LE(BigInt(ptr(control)), 32);
  header.writeBigUInt64LE(BigInt(control.length), CONTROL_LENGTH_AT);
  header.writeBigUInt64LE(BigInt(ptr(data)), MSGHDR_BYTES);
  header.writeBigUInt64LE(BigInt(data.length), MSGHDR_BYTES + 8);
  return header;
}
