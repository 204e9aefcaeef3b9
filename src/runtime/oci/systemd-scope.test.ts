import { expect, test } from "bun:test";
import type { Spec } from "#spec/oci-runtime.ts";
import { scopedCgroupPath, withScope } from "./systemd-scope.ts";

test("withScope() names the group that scopedCgroupPath() looks into, and keeps other annotations", () => {
  const spec: Spec = {
    ociVersion: "1.0.2",
    root: { path: "rootfs" },
    mounts: [],
    linux: { namespaces: [] },
    annotations: { mine: "kept", "run.oci.systemd.subgroup": "" },
  };
  const { annotations = {} } = withScope(spec);
  expect(annotations["mine"]).toBe("kept");
  const subgroup = annotations["run.oci.systemd.subgroup"];
  expect(scopedCgroupPath("/system.slice/a.scope")).toBe(`/system.slice/a.scope/${subgroup}`);
});
