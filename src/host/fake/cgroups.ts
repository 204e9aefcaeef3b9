import { ConflictError } from "#base/errors.ts";
import type {
  CgroupAbilities,
  CgroupLayout,
  CgroupLimit,
  Cgroups,
  CgroupStats,
} from "#host/cgroups.ts";

export interface FakeCgroup {
  readonly pids?: readonly number[];
  readonly stats?: CgroupStats;
  readonly oomKills?: number;
  /** As they were set, the first first. */
  readonly limits?: readonly CgroupLimit[];
}

/** Those of a host with cgroup v2. */
export const FAKE_ABILITIES: CgroupAbilities = {
  cpus: "0-1",
  memoryNodes: "0",
  memory: true,
  memoryReservation: true,
  memorySwap: true,
  memorySwappiness: false,
  oomKillDisable: false,
  cpuShares: true,
  cpuQuota: true,
  cpuRealtime: false,
  pids: true,
  blockIoWeight: true,
  blockIoWeightDevice: true,
  blockIoThrottle: true,
};

/** Cgroups in memory, made by `set`. */
export class FakeCgroups implements Cgroups {
  readonly layout: CgroupLayout = "v2";
  readonly controllers: readonly string[] = ["cpu", "cpuset", "io", "memory", "pids"];
  readonly #groups = new Map<string, FakeCgroup>();
  /** Called with each process that `kill` kills. */
  onKill: (pid: number) => void = () => {};

  abilities(): CgroupAbilities {
    return FAKE_ABILITIES;
  }

  limit(path: string, limits: readonly CgroupLimit[]): void {
    const group = this.#groups.get(path);
    this.#groups.set(path, { ...group, limits: [...(group?.limits ?? []), ...limits] });
  }

  expectMove(): void {}

  expectMoves(): Disposable {
    return { [Symbol.dispose]: () => {} };
  }

  set(path: string, group: FakeCgroup): void {
    this.#groups.set(path, group);
  }

  stats(path: string): CgroupStats {
    return this.#groups.get(path)?.stats ?? {};
  }

  realtimeMicros(): number {
    return 0;
  }

  giveRealtime(): void {}

  pids(path: string): readonly number[] {
    return this.#paths(path).flatMap((each) => this.#groups.get(each)?.pids ?? []);
  }

  oomKills(path: string): number {
    return this.#groups.get(path)?.oomKills ?? 0;
  }

  exists(path: string): boolean {
    return this.#paths(path).length > 0;
  }

  children(path: string): readonly string[] {
    const names = this.#paths(path)
      .filter((each) => each !== path)
      .map((each) => each.slice(path.length + 1).split("/")[0] ?? "");
    return [...new Set(names)].sort();
  }

  removeEmpty(path: string): boolean {
    if (this.pids(path).length > 0 || this.children(path).length > 0) return false;
    this.#groups.delete(path);
    return true;
  }

  remove(path: string): void {
    if (this.pids(path).length > 0) {
      throw new ConflictError(`Cannot remove cgroup "${path}": processes are in it`);
    }
    for (const each of this.#paths(path)) this.#groups.delete(each);
  }

  kill(path: string): void {
    for (const each of this.#paths(path)) {
      const { pids = [], ...rest } = this.#groups.get(each) ?? {};
      this.#groups.set(each, rest);
      for (const pid of pids) this.onKill(pid);
    }
  }

  #paths(path: string): string[] {
    return [...this.#groups.keys()].filter((each) => each === path || each.startsWith(`${path}/`));
  }
}
