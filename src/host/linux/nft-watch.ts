import type { NftChange } from "#host/nft.ts";
import { systemError } from "./ffi/errno.ts";
import { type Libc, O_CLOEXEC, O_NONBLOCK } from "./ffi/libc.ts";
import { decodeAttributes, decodeMessages, readText } from "./netlink/message.ts";
import { NETLINK_NETFILTER } from "./netlink/socket.ts";

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOL_SOCKET = 1;
const SO_RCVBUFFORCE = 33;
const RECEIVE_BYTES = 8 << 20;
/** linux/netfilter/nfnetlink.h: NFNLGRP_NFTABLES is the seventh group. */
const GROUPS = 1 << (7 - 1);
const SUBSYSTEM = 10;
const DELETED_TABLE = (SUBSYSTEM << 8) | 2;
const NEW_GENERATION = (SUBSYSTEM << 8) | 15;
const NFGENMSG_BYTES = 4;
const ATTRIBUTE_TABLE = 1;
const ATTRIBUTE_PROCESS = 2;
const REOPEN_MS = 1000;

/** What the messages of one transaction came to; the kernel ends each with the number of the new generation. */
export class ChangeReader {
  #tables = new Set<string>();
  #deleted = new Set<string>();

  /** @param bytes One read: whole messages. @returns The transactions that ended in them. */
  read(bytes: Buffer): readonly NftChange[] {
    const changes: NftChange[] = [];
    for (const { type, payload } of decodeMessages(bytes)) {
      if (type >> 8 !== SUBSYSTEM) continue;
      const attributes = decodeAttributes(payload, NFGENMSG_BYTES);
      if (type === NEW_GENERATION) {
        const pid = attributes.get(ATTRIBUTE_PROCESS)?.readUInt32BE(0) ?? 0;
        changes.push({ pid, tables: this.#tables, deletedTables: this.#deleted });
        this.#tables = new Set();
        this.#deleted = new Set();
        continue;
      }
      const name = attributes.get(ATTRIBUTE_TABLE);
      if (name === undefined) continue;
      const table = readText(name);
      this.#tables.add(table);
      if (type === DELETED_TABLE) this.#deleted.add(table);
    }
    return changes;
  }
}

/**
 * Tells of each transaction, of this process too, as `onChange`; `undefined` where some were lost, because they
 * came faster than they were read.
 *
 * @see Nft.watch
 */
export function watchNftables(
  libc: Libc,
  onChange: (change: NftChange | undefined) => void,
): Disposable {
  let isOver = false;
  let reader = openReader(libc);
  const changes = new ChangeReader();
  const follow = async (): Promise<void> => {
    while (!isOver) {
      try {
        const { done, value } = await reader.read();
        if (done || value === undefined) return;
        for (const change of changes.read(Buffer.from(value))) if (!isOver) onChange(change);
      } catch {
        // the socket's queue ran over (ENOBUFS)
        if (isOver) return;
        await Bun.sleep(REOPEN_MS);
        reader = openReader(libc);
        onChange(undefined);
      }
    }
  };
  void follow();
  return {
    [Symbol.dispose]: () => {
      isOver = true;
      void reader.cancel();
    },
  };
}

interface ByteReader {
  read(): Promise<{ done: boolean; value?: Uint8Array | undefined }>;
  cancel(): Promise<void>;
}

function openReader(libc: Libc): ByteReader {
  const attempt = "Cannot watch the nftables rules";
  const { call } = libc;
  const fd = call.socket(AF_NETLINK, SOCK_RAW | O_CLOEXEC | O_NONBLOCK, NETLINK_NETFILTER);
  if (fd < 0) throw systemError(attempt, libc.errno());
  call.setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, Int32Array.of(RECEIVE_BYTES), 4);
  const address = Buffer.alloc(12); // sockaddr_nl
  address.writeUInt16LE(AF_NETLINK, 0);
  address.writeUInt32LE(GROUPS, 8);
  if (call.bind(fd, address, address.length) < 0) {
    const errno = libc.errno();
    call.close(fd);
    throw systemError(attempt, errno);
  }
  const stream = Bun.file(fd).stream().getReader();
  return {
    read: () => stream.read(),
    cancel: async () => {
      await stream.cancel();
      call.close(fd);
    },
  };
}
