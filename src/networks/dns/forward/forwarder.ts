import type { Clock } from "#host/clock.ts";
import { DNS_PORT, type Upstream } from "#networks/dns/upstreams.ts";
import { encodeRefusal } from "#networks/dns/wire/answer.ts";
import { RCODE } from "#networks/dns/wire/constants.ts";
import type { Query } from "#networks/dns/wire/query.ts";
import type { RandomBytes } from "#spec/ids.ts";
import type { OutgoingSockets } from "./exchange.ts";
import { ServerHealth } from "./server-health.ts";
import { exchangeByTcp } from "./tcp-exchange.ts";
import { exchangeByUdp } from "./udp-exchange.ts";

/** Questions of one container, and of all, that are out at once; a further one is refused. */
const MAX_OUT = 1024;
const MAX_OUT_OF_ALL = 4096;

/** The container that a question comes from. */
export interface Asker {
  readonly namespacePath: string;
  readonly upstreams: readonly Upstream[];
  /** Ends what is out: sockets in its namespace keep the namespace alive. */
  readonly signal: AbortSignal;
}

/** Asks other servers what the engine does not know. */
export class Forwarder {
  readonly #internet: OutgoingSockets;
  readonly #clock: Clock;
  readonly #randomBytes: RandomBytes;
  readonly #health: ServerHealth;
  readonly #out = new Map<string, number>();
  #outOfAll = 0;

  constructor(options: {
    readonly internet: OutgoingSockets;
    readonly clock: Clock;
    readonly randomBytes: RandomBytes;
  }) {
    this.#internet = options.internet;
    this.#clock = options.clock;
    this.#randomBytes = options.randomBytes;
    this.#health = new ServerHealth(options);
  }

  /** @returns Their answer, or that there is none. */
  async forward(query: Query, transport: "udp" | "tcp", asker: Asker): Promise<Buffer> {
    const { namespacePath, upstreams, signal } = asker;
    if (upstreams.length === 0) return encodeRefusal(query, RCODE.serverFailure);
    const before = this.#out.get(namespacePath) ?? 0;
    if (before >= MAX_OUT || this.#outOfAll >= MAX_OUT_OF_ALL) {
      return encodeRefusal(query, RCODE.refused);
    }
    this.#count(namespacePath, 1);
    try {
      const exchange = transport === "udp" ? exchangeByUdp : exchangeByTcp;
      const answer = await exchange(
        {
          internet: this.#internet,
          clock: this.#clock,
          newId: () => Buffer.from(this.#randomBytes(2)).readUInt16BE(0),
        },
        {
          query,
          upstreams: this.#health.order(upstreams, namespacePath),
          placeOf: ({ address, from }) => ({
            address,
            port: DNS_PORT,
            ...(from === "host" ? {} : { namespacePath }),
          }),
          onSilent: (upstream) => this.#health.failed(upstream, namespacePath),
          onAnswered: (upstream) => this.#health.answered(upstream, namespacePath),
          signal,
        },
      );
      return answer ?? encodeRefusal(query, RCODE.serverFailure);
    } finally {
      this.#count(namespacePath, -1);
    }
  }

  #count(namespacePath: string, change: 1 | -1): void {
    const count = (this.#out.get(namespacePath) ?? 0) + change;
    if (count === 0) this.#out.delete(namespacePath);
    else this.#out.set(namespacePath, count);
    this.#outOfAll += change;
  }
}
