import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FailedPreconditionError } from "#base/errors.ts";
import { FakeMounts } from "#host/fake/mounts.ts";
import type { ContainerMount, ContainerRecord } from "#containers/container.ts";
import type { ContainerSettings } from "#containers/parts.ts";
import { bindOwnMount, unbindOwnMounts } from "./own-mounts.ts";

let folder: string;
let volume: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "wharf-test-subpath-"));
  volume = join(folder, "volume");
  mkdirSync(join(volume, "part"), { recursive: true });
  mkdirSync(join(folder, "c1"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function recordWith(subpath: string): { record: ContainerRecord; mount: ContainerMount } {
  const mount = { kind: "volume", name: "v", destination: "/v", subpath } as ContainerMount;
  return { record: { id: "c1", mounts: [mount] } as unknown as ContainerRecord, mount };
}

describe("bindOwnMount", () => {
  test("binds the folder it holds, not its name, to a place of the engine's own", () => {
    const settings = { directory: folder } as ContainerSettings;
    const sources: string[] = [];
    const table = new FakeMounts();
    const mounts = Object.assign(table, {
      bind: ({ source, target }: { source: string; target: string }): void => {
        sources.push(readlinkSync(source));
        FakeMounts.prototype.bind.call(table, { source, target });
      },
    });
    const { record, mount } = recordWith("./part/../part");
    const target = bindOwnMount({ mounts, settings }, record, { mount, path: volume });
    expect(sources).toEqual([join(volume, "part")]);
    expect(table.list().map((each) => each.target)).toEqual([target]);
    unbindOwnMounts({ mounts, settings }, record);
    expect(table.list()).toEqual([]);
    expect(readdirSync(join(folder, "c1"))).toEqual([]);
  });

  test("refuses what the volume does not have, and what its links do not lead to inside it", () => {
    const parts = {
      mounts: new FakeMounts(),
      settings: { directory: folder } as ContainerSettings,
    };
    symlinkSync(join(folder, "c1"), join(volume, "out"));
    for (const subpath of ["none", "out", "part/x"]) {
      const { record, mount } = recordWith(subpath);
      expect(() => bindOwnMount(parts, record, { mount, path: volume })).toThrow(
        FailedPreconditionError,
      );
    }
    expect(parts.mounts.list()).toEqual([]);
  });
});
