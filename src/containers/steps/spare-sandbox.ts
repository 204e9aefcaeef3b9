import type { Background } from "#containers/background.ts";
import type { Clock } from "#host/clock.ts";
import type { Networks, Sandbox } from "#networks/networks.ts";
import { type ContainerId, newContainerId, type RandomBytes } from "#spec/ids.ts";

interface SpareParts {
  readonly background: Pick<Background, "run" | "signal">;
  readonly clock: Pick<Clock, "delay">;
  readonly networks: Pick<Networks, "closeSandbox" | "connectSandbox" | "openSandbox">;
  readonly randomBytes: RandomBytes;
  readonly stepIds: Set<string>;
}

/** A network namespace on the default network, connected or about to be, under the id of the step that will have it. */
export interface StepSandbox {
  readonly id: ContainerId;
  readonly sandbox: Sandbox;
  readonly connected: Promise<void>;
}

/** How long one waits for its step: a layer may have to be written before. */
const KEPT_MS = 3000;

interface Spare {
  readonly opening: Promise<StepSandbox | undefined>;
  readonly expiry: AbortController;
}

/**
 * The network of a step that is about to come, made while the one before it runs: it takes as long as the rest of a short
 * step. No two steps have the same.
 */
export class SpareSandbox {
  #spare: Spare | undefined;

  /** @returns The one that was made, now the caller's to close; undefined where there is none. */
  async take(): Promise<StepSandbox | undefined> {
    const spare = this.#spare;
    this.#spare = undefined;
    spare?.expiry.abort();
    return await spare?.opening;
  }

  /** Makes one unless there is one. It goes by itself when nobody takes it. */
  makeReady(parts: SpareParts): void {
    if (this.#spare) return;
    const expiry = new AbortController();
    const opening = openStepSandbox(parts, parts.background.signal).catch(() => undefined); // the step then makes its own, and tells
    const spare = { opening, expiry };
    this.#spare = spare;
    void parts.background.run("Cannot remove a build step's network", async () => {
      const either = AbortSignal.any([expiry.signal, parts.background.signal]);
      await parts.clock.delay(KEPT_MS, either).catch(() => undefined); // taken, or the engine ends
      if (this.#spare !== spare) return;
      this.#spare = undefined;
      const made = await opening;
      if (!made) return;
      await made.connected.catch(() => undefined); // it is closed either way
      await closeStepSandbox(parts, made.id);
    });
  }
}

async function openStepSandbox(parts: SpareParts, signal: AbortSignal): Promise<StepSandbox> {
  const id = newContainerId(parts.randomBytes);
  parts.stepIds.add(id);
  try {
    const sandbox = await parts.networks.openSandbox(
      { containerId: id, containerName: "build step", mode: { kind: "bridge" }, ports: [] },
      signal,
    );
    const connected = parts.networks.connectSandbox(id, signal);
    connected.catch(() => undefined); // told to who takes it
    return { id, sandbox, connected };
  } catch (error) {
    parts.stepIds.delete(id);
    throw error;
  }
}

async function closeStepSandbox(parts: SpareParts, id: ContainerId): Promise<void> {
  await parts.networks.closeSandbox(id);
  parts.stepIds.delete(id);
}
