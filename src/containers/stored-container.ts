import type { CollectionDefinition } from "#store/store.ts";
import type { ContainerExit, ContainerRecord, ContainerState } from "./container.ts";

interface StoredExit extends Omit<ContainerExit, "startedNanos" | "finishedNanos"> {
  /** Decimal: JSON has no 64-bit numbers. */
  readonly startedNanos: string;
  readonly finishedNanos: string;
}

type Running = Extract<ContainerState, { readonly status: "running" }>;

type StoredState =
  | Extract<ContainerState, { readonly status: "created" }>
  | (Omit<Running, "startedNanos" | "lastFinishedNanos"> & {
      readonly startedNanos: string;
      readonly lastFinishedNanos?: string;
    })
  | { readonly status: "restarting"; readonly exit: StoredExit; readonly nextStartMs: number }
  | { readonly status: "exited"; readonly exit: StoredExit }
  | { readonly status: "removing"; readonly exit?: StoredExit }
  | { readonly status: "dead"; readonly reason: string; readonly exit?: StoredExit };

/** A container record in the store. */
export interface StoredContainer extends Omit<ContainerRecord, "createdNanos" | "state"> {
  readonly createdNanos: string;
  readonly state: StoredState;
}

export const CONTAINERS: CollectionDefinition<StoredContainer> = {
  name: "containers",
  version: 1,
};

export function toStored(record: ContainerRecord): StoredContainer {
  return {
    ...record,
    createdNanos: String(record.createdNanos),
    state: storedState(record.state),
  };
}

export function fromStored(stored: StoredContainer): ContainerRecord {
  return { ...stored, createdNanos: BigInt(stored.createdNanos), state: readState(stored.state) };
}

function storedExit(exit: ContainerExit): StoredExit {
  return {
    ...exit,
    startedNanos: String(exit.startedNanos),
    finishedNanos: String(exit.finishedNanos),
  };
}

function readExit(exit: StoredExit): ContainerExit {
  return {
    ...exit,
    startedNanos: BigInt(exit.startedNanos),
    finishedNanos: BigInt(exit.finishedNanos),
  };
}

function storedState(state: ContainerState): StoredState {
  switch (state.status) {
    case "created":
      return state;
    case "running": {
      const { lastFinishedNanos: last, ...rest } = state;
      return {
        ...rest,
        startedNanos: String(state.startedNanos),
        ...(last === undefined ? {} : { lastFinishedNanos: String(last) }),
      };
    }
    case "restarting":
    case "exited":
      return { ...state, exit: storedExit(state.exit) };
    case "removing":
    case "dead": {
      const { exit, ...rest } = state;
      return exit ? { ...rest, exit: storedExit(exit) } : rest;
    }
  }
}

function readState(state: StoredState): ContainerState {
  switch (state.status) {
    case "created":
      return state;
    case "running": {
      const { lastFinishedNanos: last, ...rest } = state;
      return {
        ...rest,
        startedNanos: BigInt(state.startedNanos),
        ...(last === undefined ? {} : { lastFinishedNanos: BigInt(last) }),
      };
    }
    case "restarting":
    case "exited":
      return { ...state, exit: readExit(state.exit) };
    case "removing":
    case "dead": {
      const { exit, ...rest } = state;
      return exit ? { ...rest, exit: readExit(exit) } : rest;
    }
  }
}
