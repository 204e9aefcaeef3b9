import type { Sockets } from "#host/sockets.ts";

/** What drivers that send away work with. */
export interface ShippingParts {
  readonly sockets: Pick<Sockets, "connectDatagram">;
  readonly clock: { delay(delayMs: number, signal?: AbortSignal): Promise<void> };
  readonly hostname: string;
  /** Named in messages that name a process: of syslog. */
  readonly pid: number;
  readonly randomBytes: (count: number) => Uint8Array;
  readonly warn: (message: string) => void;
}

const NEWLINE = 0x0a;

/** What was written without the newline. */
export function lineOf(bytes: Uint8Array): Uint8Array {
  return bytes.at(-1) === NEWLINE ? bytes.subarray(0, -1) : bytes;
}
