import { Semaphore } from "#base/async.ts";
import type { ProcessIdentity } from "#host/processes.ts";
import type { ContainerId } from "#spec/ids.ts";
import type { PendingAttach } from "./pending-attach.ts";
import { Waiters } from "./waiters.ts";

/** The process of one run of a container. */
export interface LiveProcess {
  readonly identity: ProcessIdentity;
  /** Resolves when its end is recorded and those who waited were told. Never rejects. */
  readonly ended: Promise<void>;
  /** Resolves with the reason when its end could not be written down at first; that is tried again. */
  readonly unrecorded: Promise<unknown>;
}

/** What the running engine knows of one container, beside its record. */
export class Live {
  /**
   * The container's state changes only in here, one piece of work after the other. What waits for
   * another piece (a stop for the exit) leaves it first.
   */
  readonly lane: Semaphore = new Semaphore(1);
  readonly waiters: Waiters = new Waiters();
  /** Clients that attached before the process began. */
  readonly attaching: Set<PendingAttach> = new Set();
  process: LiveProcess | undefined;
  /** Ends the wait before the restart policy's next start. */
  pendingRestart: AbortController | undefined;
  /** The policy's last wait; 0 before the first and after a start by the user. */
  lastDelayMs = 0;
  /** What is cleaned away behind the answer after an exit; the next start and the removal wait for it. */
  cleaning: Promise<void> = Promise.resolve();
  /** `restart` is between its stop and its start: the exit is not the end of an `--rm` container. */
  restartsUnderWay = 0;
  isRemovalUnderWay = false;
  /** Its failed health check is being acted upon. */
  isFailureHandled = false;
  /** It is being ended because of its health, to be started again. */
  restartsForHealth = false;
  /** Ends the start that is under way: its undoing frees what it waits for. */
  startUnderWay: AbortController | undefined;
  /** `rm -f` is under way: no start begins. */
  isForcedOut = false;
  /** Work on its files that needs the root mounted, whether it runs or not. */
  rootHolds = 0;
  /** Its root was mounted with the owners that its user namespace has on the host, and may be so still. */
  isRootMapped = false;
  /** Ends all work on its files: it goes. */
  readonly filesWork: Set<AbortController> = new Set();
}

/** One `Live` for each container that was asked for. */
export class Lives {
  readonly #lives = new Map<ContainerId, Live>();

  of(id: ContainerId): Live {
    let live = this.#lives.get(id);
    if (!live) {
      live = new Live();
      this.#lives.set(id, live);
    }
    return live;
  }

  all(): readonly Live[] {
    return [...this.#lives.values()];
  }

  forget(id: ContainerId): void {
    this.#lives.delete(id);
  }
}
