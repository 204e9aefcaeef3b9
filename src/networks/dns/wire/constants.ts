/** Types of records (RFC 1035, 3596, 9460). */
export const TYPE = {
  a: 1,
  ptr: 12,
  mx: 15,
  aaaa: 28,
  opt: 41,
  svcb: 64,
  https: 65,
} as const;

export const CLASS_IN = 1;

/** Response codes; 16 and above need EDNS. */
export const RCODE = {
  noError: 0,
  formatError: 1,
  serverFailure: 2,
  nameError: 3,
  notImplemented: 4,
  refused: 5,
  badVersion: 16,
} as const;

/** Bits of the header's second 16-bit word. */
export const FLAG = {
  response: 0x8000,
  opcode: 0x7800,
  truncated: 0x0200,
  recursionDesired: 0x0100,
  recursionAvailable: 0x0080,
  checkingDisabled: 0x0010,
  rcode: 0x000f,
} as const;

export const HEADER_BYTES = 12;
/** What a client takes by UDP that says nothing of it. */
export const PLAIN_UDP_BYTES = 512;
/** What we say that we take. */
export const OWN_UDP_BYTES = 1232;
export const MAX_MESSAGE_BYTES = 65535;
