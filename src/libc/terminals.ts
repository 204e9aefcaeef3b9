import { ptr } from "bun:ffi";
import { FailedPreconditionError } from "#base/errors.ts";
import { libc } from "./libc.ts";

const TIOCGWINSZ = 0x5413;
const TCSADRAIN = 1;

// struct termios of Linux, every architecture but mips, sparc, alpha and powerpc: four 32-bit flag
// words (input, output, control, local), c_line at 16, c_cc from 17, two speeds; 60 bytes in glibc.
const termiosBytes = 60;
const ccOffset = 17;
const VTIME = 5;
const VMIN = 6;

/** The state of a terminal, to be given back as it was. */
export type TerminalState = Readonly<Uint8Array> & { readonly terminalState?: never };

export function isTerminal(fd: number): boolean {
  return libc().call.isatty(fd) === 1;
}

/** Size in character cells. */
export interface WindowSize {
  readonly rows: number;
  readonly columns: number;
}

/** @returns Undefined when `fd` is no terminal, or one without a size. */
export function readWindowSize(fd: number): WindowSize | undefined {
  const size = new Uint16Array(4);
  if (libc().call.ioctl(fd, TIOCGWINSZ, ptr(size)) !== 0) return undefined;
  const [rows = 0, columns = 0] = size;
  return rows > 0 && columns > 0 ? { rows, columns } : undefined;
}

export function readTerminalState(fd: number): TerminalState {
  const state = new Uint8Array(termiosBytes);
  if (libc().call.tcgetattr(fd, ptr(state)) !== 0) {
    throw new FailedPreconditionError(
      `Cannot read the terminal's state: descriptor ${fd} is no terminal`,
    );
  }
  return state;
}

export function writeTerminalState(fd: number, state: TerminalState): void {
  if (libc().call.tcsetattr(fd, TCSADRAIN, ptr(state as Uint8Array)) !== 0) {
    throw new FailedPreconditionError(
      `Cannot set the terminal's state: descriptor ${fd} is no terminal`,
    );
  }
}

/**
 * The raw variant of a terminal state: no echo, no line editing, no signals from keys, bytes pass
 * as they are, both ways: the container's TTY has already made "\r\n" of its newlines.
 *
 * @see cfmakeraw(3).
 */
export function toRaw(state: TerminalState): TerminalState {
  const raw = new Uint8Array(state);
  const flags = new Uint32Array(raw.buffer, 0, 4);
  const [input = 0, output = 0, control = 0, local = 0] = flags;
  const IGNBRK_BRKINT_PARMRK_ISTRIP_INLCR_IGNCR_ICRNL_IXON = 0o2753;
  const ECHO_ECHONL_ICANON_ISIG_IEXTEN = 0o100113;
  const OPOST = 0o1;
  const CSIZE_PARENB = 0o460;
  const CS8 = 0o60;
  flags[0] = input & ~IGNBRK_BRKINT_PARMRK_ISTRIP_INLCR_IGNCR_ICRNL_IXON;
  flags[1] = output & ~OPOST;
  flags[2] = (control & ~CSIZE_PARENB) | CS8;
  flags[3] = local & ~ECHO_ECHONL_ICANON_ISIG_IEXTEN;
  raw[ccOffset + VMIN] = 1;
  raw[ccOffset + VTIME] = 0;
  return raw;
}

/** The same state, but what is typed is not shown; the end of a line is. */
export function withoutEcho(state: TerminalState): TerminalState {
  const hidden = new Uint8Array(state);
  const flags = new Uint32Array(hidden.buffer, 0, 4);
  const ECHO = 0o10;
  flags[3] = (flags[3] ?? 0) & ~ECHO;
  return hidden;
}

/** Keys come one by one and unseen; Ctrl-C is still a signal, and output is as it was. */
export function toSingleKeys(state: TerminalState): TerminalState {
  const keyed = new Uint8Array(state);
  const flags = new Uint32Array(keyed.buffer, 0, 4);
  const ICANON_ECHO = 0o12;
  flags[3] = (flags[3] ?? 0) & ~ICANON_ECHO;
  return keyed;
}
