import { describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Seccomp, SeccompAction, Spec } from "#spec/oci-runtime.ts";
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

function withRules(spec: Spec, changes: Partial<Seccomp>): Spec {
  const seccomp: Seccomp = {
    defaultAction: "SCMP_ACT_ERRNO",
    architectures: ["SCMP_ARCH_X86_64"],
    syscalls: [{ names: ["read"], action: "SCMP_ACT_ALLOW" }],
    ...changes,
  };
  return { ...spec, linux: { namespaces: [], seccomp } };
}

/** Filters that have learned "filter" for the rules of `spec` from /crun; what it left is gone by now. */
function learned(spec: Spec = specWith("SCMP_ACT_ALLOW")): {
  readonly filters: CompiledFilters;
  readonly clock: { nowMs: number };
} {
  const rootDir = mkdtempSync(join(tmpdir(), "wharf-filters-"));
  const clock = { nowMs: 1000 };
  const filters = new CompiledFilters(() => clock.nowMs);
  mkdirSync(join(rootDir, "c1"));
  writeFileSync(join(rootDir, "c1", "seccomp.bpf"), "filter");
  filters.apply(programAt(rootDir), "c1", spec).learn();
  rmSync(rootDir, { recursive: true });
  return { filters, clock };
}

describe("CompiledFilters", () => {
  test("gives the next container with the same rules the filter, beside its annotations", () => {
    const next = specWith("SCMP_ACT_ALLOW", { a: "b" });
    const { spec } = learned().filters.apply(programAt("/nowhere"), "c2", next);
    expect(spec.annotations).toEqual({ a: "b", [annotation]: btoa("filter") });
  });

  test("leaves out the rules beside their filter where nothing is allowed without them", () => {
    const given = (changes: Partial<Seccomp>): Seccomp | undefined => {
      const spec = withRules(specWith("SCMP_ACT_ERRNO"), changes);
      return learned(spec).filters.apply(programAt("/nowhere"), "c2", spec).spec.linux?.seccomp;
    };
    expect(given({})).toEqual({
      defaultAction: "SCMP_ACT_ERRNO",
      architectures: ["SCMP_ARCH_X86_64"],
    });
    expect(given({ defaultAction: "SCMP_ACT_ALLOW" })).toHaveProperty("syscalls");
    expect(given({ defaultAction: "SCMP_ACT_LOG" })).toHaveProperty("syscalls");
    expect(given({ listenerPath: "/asked" })).toHaveProperty("syscalls");
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
