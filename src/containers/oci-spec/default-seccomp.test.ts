import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DEFAULT_CAPABILITIES } from "#spec/engine-api/capabilities.ts";
import { restrictSeccompProfile } from "./default-seccomp.ts";
import { parseSeccompProfile, planSeccomp, type SeccompProfile } from "./seccomp.ts";

const PROFILE: SeccompProfile = {
  defaultAction: "SCMP_ACT_ERRNO",
  defaultErrnoRet: 38,
  syscalls: [
    {
      names: ["read", "mount", "clone", "clone3", "syslog", "keyctl"],
      action: "SCMP_ACT_ALLOW",
    },
    { names: ["socket"], action: "SCMP_ACT_ALLOW", includes: { caps: ["CAP_AUDIT_WRITE"] } },
    {
      names: ["socket"],
      action: "SCMP_ACT_ALLOW",
      args: [{ index: 2, value: 9, valueTwo: 0, op: "SCMP_CMP_NE" }],
      excludes: { caps: ["CAP_AUDIT_WRITE"] },
    },
    {
      names: ["socket"],
      action: "SCMP_ACT_ALLOW",
      args: [{ index: 0, value: 16, valueTwo: 0, op: "SCMP_CMP_NE" }],
      excludes: { caps: ["CAP_AUDIT_WRITE"] },
    },
  ],
};

const amd64 = { architecture: "amd64", kernelRelease: "6.18.0" };

function rulesFor(name: string, capabilities: readonly string[]): readonly unknown[] {
  const { syscalls = [] } = planSeccomp(restrictSeccompProfile(PROFILE), {
    ...amd64,
    capabilities,
  });
  return syscalls
    .filter((rule) => rule.names.includes(name))
    .map(({ action, errnoRet, args }) => ({ action, errnoRet, args }));
}

const allow = { action: "SCMP_ACT_ALLOW", errnoRet: undefined, args: undefined };
const refuse = { action: "SCMP_ACT_ERRNO", errnoRet: 1, args: undefined };

describe("restrictSeccompProfile()", () => {
  test("lets mount, syslog and keyctl depend on capabilities, as Docker does", () => {
    expect(rulesFor("read", [])).toEqual([allow]);
    expect(rulesFor("mount", [])).toEqual([refuse]);
    expect(rulesFor("mount", ["CAP_SYS_ADMIN"])).toEqual([allow]);
    expect(rulesFor("syslog", ["CAP_SYSLOG"])).toEqual([allow]);
    expect(rulesFor("keyctl", ["CAP_SYS_ADMIN"])).toEqual([refuse]);
  });

  test("lets clone make no namespaces without CAP_SYS_ADMIN, and hides clone3", () => {
    const masked = { index: 0, value: 0x7e020000, valueTwo: 0, op: "SCMP_CMP_MASKED_EQ" };
    expect(rulesFor("clone", [])).toEqual([{ ...allow, args: [masked] }]);
    expect(rulesFor("clone3", [])).toEqual([{ ...refuse, errnoRet: 38 }]);
    expect(rulesFor("clone", ["CAP_SYS_ADMIN"])).toEqual([allow]);
  });

  test("closes AF_VSOCK", () => {
    const notVsock = { index: 0, value: 40, valueTwo: 0, op: "SCMP_CMP_NE" };
    expect(rulesFor("socket", ["CAP_AUDIT_WRITE"])).toEqual([{ ...allow, args: [notVsock] }]);
  });

  test("closes AF_VSOCK without CAP_AUDIT_WRITE too", () => {
    const arg = (index: number, op: string, value: number) => ({ index, value, valueTwo: 0, op });
    expect(rulesFor("socket", [])).toEqual([
      { ...allow, args: [arg(0, "SCMP_CMP_NE", 40), arg(2, "SCMP_CMP_NE", 9)] },
      { ...allow, args: [arg(0, "SCMP_CMP_LT", 16)] },
      { ...allow, args: [arg(0, "SCMP_CMP_GT", 40)] },
    ]);
  });

  const installed = "/usr/share/containers/seccomp.json";
  test.skipIf(!existsSync(installed))("Debian's profile allows no more than docker 28's", () => {
    const profile = restrictSeccompProfile(parseSeccompProfile(readFileSync(installed, "utf8")));
    const ours = planSeccomp(profile, { ...amd64, capabilities: DEFAULT_CAPABILITIES });
    const recorded = JSON.parse(
      readFileSync(join(import.meta.dir, "testdata", "default.json"), "utf8"),
    ) as { readonly spec: { readonly linux: { readonly seccomp: SeccompProfile } } };
    const theirs = allowed(recorded.spec.linux.seccomp);
    const more = [...allowed(ours)].filter((name) => !theirs.has(name));
    // Old forms of calls that docker allows in their present one, and names of no call.
    expect(more.toSorted()).toEqual([
      "readdir",
      "sigaction",
      "signal",
      "sigpending",
      "sigsuspend",
      "syscall",
      "timerfd",
    ]);
  });
});

function allowed(seccomp: Pick<SeccompProfile, "syscalls">): ReadonlySet<string> {
  const rules = (seccomp.syscalls ?? []).filter(({ action }) => action === "SCMP_ACT_ALLOW");
  return new Set(rules.flatMap(({ names = [] }) => names));
}
