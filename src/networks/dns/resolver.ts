import { parseIp, tryParseIp } from "#base/ip.ts";
import { lookUpAddress, lookUpName, type Zone } from "./look-up.ts";
import type { NameTable } from "./name-table.ts";
import { encodeAnswer, encodeRecords, encodeRefusal } from "./wire/answer.ts";
import { CLASS_IN, MAX_MESSAGE_BYTES, TYPE } from "./wire/constants.ts";
import { addressOfReverseName, encodeName, textOfKey } from "./wire/name.ts";
import { parseQuery, type Query } from "./wire/query.ts";

/** What is to be done about a message that came to a container's port 53. */
export type Decision =
  | { readonly kind: "silence" }
  | { readonly kind: "answer"; readonly bytes: Buffer }
  /** It is for others to know. */
  | { readonly kind: "forward"; readonly query: Query };

/** What the engine knows of a name, made ready to be sent. */
interface Known {
  readonly isOurs: boolean;
  readonly ipv4: readonly Buffer[];
  readonly ipv6: readonly Buffer[];
  readonly pointer: readonly Buffer[];
}

const UNKNOWN: Known = { isOurs: false, ipv4: [], ipv6: [], pointer: [] };
/** Names that one container's resolver remembers, the unknown ones included; beyond them it begins anew. */
const MAX_REMEMBERED = 1024;
/** Types that lead to a host: a name of ours has the addresses that it has, and nobody outside knows more. */
const HOST_TYPES: ReadonlySet<number> = new Set([
  TYPE.a,
  TYPE.aaaa,
  TYPE.mx,
  TYPE.svcb,
  TYPE.https,
]);

/** Answers one container's questions from the names of its networks, or tells that others are to be asked. */
export class Resolver {
  readonly #table: NameTable;
  readonly #random: () => number;
  #zone: Zone;
  readonly #known = new Map<string, Known>();
  #knownVersion = -1;

  /** @param options.random From 0 to below 1; shuffles. */
  constructor(options: {
    readonly table: NameTable;
    readonly zone: Zone;
    readonly random: () => number;
  }) {
    this.#table = options.table;
    this.#zone = options.zone;
    this.#random = options.random;
  }

  /** Its container is on other networks now. */
  setZone(zone: Zone): void {
    this.#zone = zone;
    this.#known.clear();
  }

  /** @param message Bytes from a container: anything. */
  decide(message: Buffer, transport: "udp" | "tcp"): Decision {
    const query = parseQuery(message);
    if (!query) return { kind: "silence" };
    if (query.kind === "unusable") {
      return { kind: "answer", bytes: encodeRefusal(query, query.rcode) };
    }
    if (query.class !== CLASS_IN) return { kind: "forward", query };
    const known = this.#knownOf(query.key);
    const records = recordsFor(known, query.type);
    if (!records) return { kind: "forward", query };
    const maxBytes = transport === "udp" ? query.maxUdpBytes : MAX_MESSAGE_BYTES;
    return { kind: "answer", bytes: encodeAnswer(query, this.#shuffled(records), maxBytes) };
  }

  #knownOf(key: string): Known {
    if (this.#knownVersion !== this.#table.version || this.#known.size >= MAX_REMEMBERED) {
      this.#known.clear();
      this.#knownVersion = this.#table.version;
    }
    const before = this.#known.get(key);
    if (before) return before;
    const known = this.#find(key);
    this.#known.set(key, known);
    return known;
  }

  #find(key: string): Known {
    const text = textOfKey(key);
    if (text === undefined || text === "") return UNKNOWN;
    const reverse = addressOfReverseName(text);
    if (reverse !== undefined) return this.#findAddress(reverse);
    const addresses = lookUpName(this.#table, this.#zone, text);
    if (!addresses) return UNKNOWN;
    const parsed = [...new Set(addresses)].map(parseIp);
    const bytesOf = (family: 4 | 6): readonly Uint8Array[] =>
      parsed
        .filter((one) => one.family === family)
        .map(({ value }) => bytesOfAddress(value, family));
    return {
      isOurs: true,
      ipv4: encodeRecords(TYPE.a, bytesOf(4)),
      ipv6: encodeRecords(TYPE.aaaa, bytesOf(6)),
      pointer: [],
    };
  }

  #findAddress(text: string): Known {
    if (!tryParseIp(text)) return UNKNOWN;
    const name = lookUpAddress(this.#table, this.#zone, text);
    const encoded = name === undefined ? undefined : encodeName(name);
    if (!encoded) return UNKNOWN;
    return { ...UNKNOWN, pointer: encodeRecords(TYPE.ptr, [encoded]) };
  }

  /** Clients take the first: load is spread over all of a name. */
  #shuffled(records: readonly Buffer[]): readonly Buffer[] {
    if (records.length < 2) return records;
    const shuffled = [...records];
    for (let last = shuffled.length - 1; last > 0; last -= 1) {
      const other = Math.floor(this.#random() * (last + 1));
      const [a, b] = [shuffled[last], shuffled[other]];
      if (a && b) [shuffled[last], shuffled[other]] = [b, a];
    }
    return shuffled;
  }
}

/** @returns Undefined when others are to be asked; nothing in it when a name of ours has none of the type. */
function recordsFor(known: Known, type: number): readonly Buffer[] | undefined {
  if (type === TYPE.ptr) return known.pointer.length > 0 ? known.pointer : undefined;
  if (!known.isOurs || !HOST_TYPES.has(type)) return undefined;
  if (type === TYPE.a) return known.ipv4;
  return type === TYPE.aaaa ? known.ipv6 : [];
}

function bytesOfAddress(value: bigint, family: 4 | 6): Uint8Array {
  const hex = value.toString(16).padStart(family === 4 ? 8 : 32, "0");
  return Buffer.from(hex, "hex");
}
