/**
 * The other end of a SOCK_SEQPACKET connection, in a process of its own: `seqpacket-server.ts PATH BYTES`
 * prints "ready", accepts one connection, sends packets of many sizes up to BYTES in all and half-closes,
 * then reads to the end, and prints "sent PACKETS SHA256" and "received PACKETS SHA256" (of the bytes).
 */
import { dlopen } from "bun:ffi";
import { createHash } from "node:crypto";
import { writeSync } from "node:fs";

const { symbols: libc } = dlopen("libc.so.6", {
  accept: { args: ["i32", "ptr", "ptr"], returns: "i32" },
  bind: { args: ["i32", "ptr", "u32"], returns: "i32" },
  listen: { args: ["i32", "i32"], returns: "i32" },
  recv: { args: ["i32", "ptr", "u64", "i32"], returns: "i32" },
  send: { args: ["i32", "ptr", "u64", "i32"], returns: "i32" },
  shutdown: { args: ["i32", "i32"], returns: "i32" },
  socket: { args: ["i32", "i32", "i32"], returns: "i32" },
});
const AF_UNIX = 1;
const SOCK_SEQPACKET = 5;
const SHUT_WR = 1;
const MSG_DONTWAIT = 0x40;

const [, , path = "", bytes = "0"] = process.argv;
const listener = libc.socket(AF_UNIX, SOCK_SEQPACKET, 0);
const address = Buffer.from(`\x01\0${path}\0`);
libc.bind(listener, address, address.length);
libc.listen(listener, 1);
writeSync(1, "ready\n");
const connection = libc.accept(listener, null, null);

const received = { packets: 0, hash: createHash("sha256") };
const buffer = Buffer.alloc(64 * 1024);
/** @returns False at the end. */
function receive(flags: number): boolean {
  const length = libc.recv(connection, buffer, buffer.length, flags);
  if (length > 0) {
    received.packets += 1;
    received.hash.update(buffer.subarray(0, length));
  }
  return length !== 0;
}

const sent = createHash("sha256");
let packets = 0;
for (let left = Number(bytes); left > 0; packets += 1) {
  const packet = Buffer.alloc(Math.min(left, 1 + ((packets * 4099) % 32_768)), packets);
  while (libc.send(connection, packet, packet.length, MSG_DONTWAIT) < 0) receive(MSG_DONTWAIT);
  sent.update(packet);
  left -= packet.length;
}
libc.shutdown(connection, SHUT_WR);
writeSync(1, `sent ${packets} ${sent.digest("hex")}\n`);
while (receive(0));
writeSync(1, `received ${received.packets} ${received.hash.digest("hex")}\n`);
