import type { Propagation } from "#host/mounts.ts";

export const MS_RDONLY = 1;
export const MS_REMOUNT = 0x20;
export const MS_BIND = 0x1000;
export const MS_REC = 0x4000;

/** Options of mount(8) that are flags of mount(2): [bits to set, bits to clear]. */
const FLAG_OPTIONS: Readonly<Record<string, readonly [set: number, clear: number]>> = {
  defaults: [0, 0],
  ro: [MS_RDONLY, 0],
  rw: [0, MS_RDONLY],
  nosuid: [2, 0],
  suid: [0, 2],
  nodev: [4, 0],
  dev: [0, 4],
  noexec: [8, 0],
  exec: [0, 8],
  sync: [0x10, 0],
  async: [0, 0x10],
  remount: [MS_REMOUNT, 0],
  mand: [0x40, 0],
  nomand: [0, 0x40],
  dirsync: [0x80, 0],
  nosymfollow: [0x100, 0],
  symfollow: [0, 0x100],
  noatime: [0x400, 0],
  atime: [0, 0x400],
  nodiratime: [0x800, 0],
  diratime: [0, 0x800],
  bind: [MS_BIND, 0],
  rbind: [MS_BIND | MS_REC, 0],
  relatime: [0x200000, 0],
  norelatime: [0, 0x200000],
  strictatime: [0x1000000, 0],
  nostrictatime: [0, 0x1000000],
  lazytime: [0x2000000, 0],
  nolazytime: [0, 0x2000000],
};

const PROPAGATION_FLAGS: Readonly<Record<Propagation, number>> = {
  unbindable: 0x20000,
  runbindable: 0x20000 | MS_REC,
  private: 0x40000,
  rprivate: 0x40000 | MS_REC,
  slave: 0x80000,
  rslave: 0x80000 | MS_REC,
  shared: 0x100000,
  rshared: 0x100000 | MS_REC,
};

/** What mount(2) takes for the words that mount(8) takes. */
export interface MountArguments {
  readonly flags: number;
  /** Options of the file system itself, joined by commas. */
  readonly data: string;
  /** Propagation needs a call of its own after the mount. */
  readonly propagation?: Propagation;
}

export function parseMountOptions(options: readonly string[]): MountArguments {
  let flags = 0;
  let propagation: Propagation | undefined;
  const data: string[] = [];
  for (const option of options) {
    const known = Object.hasOwn(FLAG_OPTIONS, option) ? FLAG_OPTIONS[option] : undefined;
    if (known !== undefined) flags = (flags & ~known[1]) | known[0];
    else if (isPropagation(option)) propagation = option;
    else if (option !== "") data.push(option);
  }
  return {
    flags,
    data: data.join(","),
    ...(propagation === undefined ? {} : { propagation }),
  };
}

export function propagationFlags(propagation: Propagation): number {
  return PROPAGATION_FLAGS[propagation];
}

function isPropagation(option: string): option is Propagation {
  return Object.hasOwn(PROPAGATION_FLAGS, option);
}
