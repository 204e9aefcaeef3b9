import { type AheadParts, BegunAhead } from "#containers/begun-ahead.ts";
import type { ContainerRecord } from "#containers/container.ts";
import type { Sockets, SocketVault } from "#host/sockets.ts";
import type { CreateRequest, RunningProcess, Runtime } from "#runtime/runtime.ts";
import type { ContainerId } from "#spec/ids.ts";
import type { Spec } from "#spec/oci-runtime.ts";

/** Of many that are made before the first is started (`compose up`) only so many are begun for nothing. */
const MOST_WAITING = 2;

/** What a supervisor is told on its command line. */
export type SupervisorPlan = Omit<CreateRequest, "spec" | "vault">;

/**
 * Gives what the container is made from.
 *
 * @param vault Sockets that the supervisor keeps; to be filled before this resolves.
 */
type MakeSpec = (vault: SocketVault) => Promise<Spec>;

/** Who is going to supervise a container's process. Disposing ends one that waits still. */
interface Supervisor extends AsyncDisposable {
  /** @throws As `Runtime.create`. */
  create(makeSpec: MakeSpec, signal: AbortSignal): Promise<RunningProcess>;
}

interface SupervisorParts extends AheadParts {
  readonly runtime: Pick<Runtime, "create">;
  readonly sockets: Pick<Sockets, "openVault">;
  readonly planOf: (record: ContainerRecord) => SupervisorPlan;
}

/**
 * Starts a container's supervisor when the container is made, behind the answer. Until the start is asked for it
 * waits at its start pipe: nothing of the container but its state folder is there, neither process nor mount nor
 * network.
 */
export class SupervisorsAhead implements AsyncDisposable {
  readonly #parts: SupervisorParts;
  readonly #begun: BegunAhead<ContainerId, MakeSpec, RunningProcess>;
  /** What those that wait were told on their command lines. */
  readonly #plans = new Map<ContainerId, SupervisorPlan>();

  constructor(parts: SupervisorParts) {
    this.#parts = parts;
    this.#begun = new BegunAhead(parts, MOST_WAITING);
  }

  /** Of a container that was just made. */
  expectStart(record: ContainerRecord): void {
    const { id } = record;
    this.#begun.expect(id, `Cannot prepare container ${id}`, async (makeSpec, signal) => {
      const plan = this.#parts.planOf(record);
      this.#plans.set(id, plan);
      try {
        return await this.#create(plan, async (vault) => await (await makeSpec)(vault), signal);
      } finally {
        this.#plans.delete(id);
      }
    });
  }

  /** Whether one waits, or is about to be started. */
  isWaiting(id: ContainerId): boolean {
    return this.#begun.has(id);
  }

  /** The one that waits, where what it was told still holds; else one that starts when it is to create. */
  async take(id: ContainerId, plan: SupervisorPlan): Promise<Supervisor> {
    const told = this.#plans.get(id);
    const begun = await this.#begun.take(id);
    if (begun && Bun.deepEquals(told, plan)) {
      return {
        create: (makeSpec, signal) => begun.goOn(makeSpec, signal),
        [Symbol.asyncDispose]: () => begun.giveUp("The start has failed"),
      };
    }
    await begun?.giveUp("The container has changed");
    return {
      create: (makeSpec, signal) => this.#create(plan, makeSpec, signal),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  }

  /** Ends what waits, for a container that goes. */
  async end(id: ContainerId): Promise<void> {
    const begun = await this.#begun.take(id);
    await begun?.giveUp("The container is being removed");
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#begun[Symbol.asyncDispose]();
  }

  async #create(
    plan: SupervisorPlan,
    makeSpec: MakeSpec,
    signal: AbortSignal,
  ): Promise<RunningProcess> {
    const { runtime, sockets } = this.#parts;
    using vault = sockets.openVault();
    return await runtime.create({ ...plan, spec: () => makeSpec(vault), vault }, signal);
  }
}
