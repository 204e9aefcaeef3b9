import { describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SeccompAction, Spec } from "#spec/oci-runtime.ts";
import { CompiledFilters } from "./compiled-filters.ts";
import type { RuntimeProgram } from "./program.ts";

const hourMs = 3_600_000;
const annotation = "run.oci.seccomp_bpf_data";

function specWith(action: SeccompAction, annotations: Readonly<Record<string, string>> = {}): Spec {
  return {
    ociVersion: "1.0.2",
    process: { cwd: "/", args: ["true"], env: [], user: { uid: 0, gid: 0 } },
    root: { path: "rootfs" },
    mounts: [],
    annotations,
    linux: { namespaces: [], seccomp: { defaultAction: action } },
  };
}

function programAt(rootDir: string, changes: Partial<RuntimeProgram> = {}): RuntimeProgram {
  const info = { path: "/crun", arguments: [], version: "1.8.1", commit: "" };
  return { name: "crun", family: "crun", rootDir, ...info, ...changes };
}

/** Filters that have learned "filter" for SCMP_ACT_ALLOW from /crun; what it left is gone by now. */
function learned(): { readonly filters: CompiledFilters; readonly clock: { nowMs: number } } {
  const rootDir = mkdtempSync(join(tmpdir(), "wharf-filters-"));
  const clock = { nowMs: 1000 };
  const filters = new CompiledFilters(() => clock.nowMs);
  mkdirSync(join(rootDir, "c1"));
  writeFileSync(join(rootDir, "c1", "seccomp.bpf"), "filter");
  filters.apply(programAt(rootDir), "c1", specWith("SCMP_ACT_ALLOW")).learn();
  rmSync(rootDir, { recursive: true });
  return { filters, clock };
}

describe("CompiledFilters", () => {
  test("gives the next container with the same rules the filter, beside its annotations", () => {
    const next = specWith("SCMP_ACT_ALLOW", { a: "b" });
    const { spec } = learned().filters.apply(programAt("/nowhere"), "c2", next);
    expect(spec.annotations).toEqual({ a: "b", [annotation]: btoa("filter") });
  });

  test.each([
    ["other rules", {}, specWith("SCMP_ACT_LOG")],
    ["another crun", { path: "/other" }, specWith("SCMP_ACT_ALLOW")],
    ["runc", { family: "runc" }, specWith("SCMP_ACT_ALLOW")],
    ["a filter of the user's", {}, specWith("SCMP_ACT_ALLOW", { [annotation]: "own" })],
  ] as const)("gives nothing for %s", (_, changes, spec) => {
    const program = programAt("/nowhere", changes);
    expect(learned().filters.apply(program, "c2", spec).spec).toBe(spec);
  });

  test("has a filter compiled anew after an hour, and learns nothing where there is none", () => {
    const { filters, clock } = learned();
    clock.nowMs += hourMs;
    const spec = specWith("SCMP_ACT_ALLOW");
    const again = filters.apply(programAt("/nowhere"), "c2", spec);
    expect(again.spec).toBe(spec);
    again.learn();
    expect(filters.apply(programAt("/nowhere"), "c3", spec).spec).toBe(spec);
  });
});
