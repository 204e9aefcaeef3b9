import type { SeccompProfile } from "./seccomp.ts";

type Rule = NonNullable<SeccompProfile["syscalls"]>[number];

/** All CLONE_NEW… flags of clone(2) but CLONE_NEWTIME, which shares a bit with the exit signal. */
const CLONE_NAMESPACE_FLAGS = 0x7e020000;
const EPERM = 1;
const ENOSYS = 38;
const AF_VSOCK = 40;

/** Calls that Docker's profile allows with one of these capabilities only; with none listed, never. */
const GUARDED: readonly {
  readonly names: readonly string[];
  readonly capabilities: readonly string[];
}[] = [
  {
    names: [
      "fsconfig",
      "fsmount",
      "fsopen",
      "fspick",
      "mount",
      "mount_setattr",
      "move_mount",
      "open_tree",
      "setns",
      "umount",
      "umount2",
      "unshare",
    ],
    capabilities: ["CAP_SYS_ADMIN"],
  },
  { names: ["syslog"], capabilities: ["CAP_SYS_ADMIN", "CAP_SYSLOG"] },
  { names: ["reboot"], capabilities: ["CAP_SYS_BOOT"] },
  { names: ["pidfd_getfd"], capabilities: ["CAP_SYS_PTRACE"] },
  { names: ["get_mempolicy", "mbind", "set_mempolicy"], capabilities: ["CAP_SYS_NICE"] },
  { names: ["keyctl", "pivot_root"], capabilities: [] },
];

/**
 * Debian's profile (golang-github-containers-common) is Podman's, which counts on user namespaces: it lets
 * every container mount, unshare, enter namespaces and read the kernel's log. This makes those calls depend
 * on capabilities as in Docker's profile, so that the default is Docker's or tighter.
 */
export function restrictSeccompProfile(profile: SeccompProfile): SeccompProfile {
  const guarded = new Set([...GUARDED.flatMap(({ names }) => names), "clone", "clone3"]);
  const kept = (profile.syscalls ?? []).flatMap((rule): Rule[] => {
    const names = namesOf(rule).filter((name) => !guarded.has(name));
    return names.length === 0 ? [] : withoutVsock({ ...rule, names });
  });
  return { ...profile, syscalls: [...kept, ...GUARDED.flatMap(guardRules), ...cloneRules()] };
}

function namesOf(rule: Rule): readonly string[] {
  return rule.names ?? (rule.name === undefined ? [] : [rule.name]);
}

function guardRules(guard: (typeof GUARDED)[number]): Rule[] {
  const { names, capabilities } = guard;
  const allowed = capabilities.map(
    (name): Rule => ({ names, action: "SCMP_ACT_ALLOW", includes: { caps: [name] } }),
  );
  // Docker's answer; the profile's default is ENOSYS, with which mount(8) would blame the kernel.
  const refused: Rule = {
    names,
    action: "SCMP_ACT_ERRNO",
    errnoRet: EPERM,
    excludes: { caps: capabilities },
  };
  return [...allowed, refused];
}

/** A new process, but no new namespace; clone3's flags lie in memory, so libc is sent to clone instead. */
function cloneRules(): Rule[] {
  const withoutAdmin = { caps: ["CAP_SYS_ADMIN"] };
  const noNamespace = (index: number) => [
    { index, value: CLONE_NAMESPACE_FLAGS, valueTwo: 0, op: "SCMP_CMP_MASKED_EQ" as const },
  ];
  const s390 = ["s390", "s390x"];
  return [
    { names: ["clone", "clone3"], action: "SCMP_ACT_ALLOW", includes: withoutAdmin },
    {
      names: ["clone"],
      action: "SCMP_ACT_ALLOW",
      args: noNamespace(0),
      excludes: { ...withoutAdmin, arches: s390 },
    },
    {
      names: ["clone"],
      action: "SCMP_ACT_ALLOW",
      args: noNamespace(1),
      includes: { arches: s390 },
      excludes: withoutAdmin,
    },
    { names: ["clone3"], action: "SCMP_ACT_ERRNO", errnoRet: ENOSYS, excludes: withoutAdmin },
  ];
}

/**
 * Sockets to the hypervisor's host know no namespace. Podman's rules differ by CAP_AUDIT_WRITE; without it they
 * are about another family, and a family can be compared once in a rule: then those below and above are allowed.
 */
function withoutVsock(rule: Rule): Rule[] {
  if (rule.action !== "SCMP_ACT_ALLOW" || namesOf(rule).join() !== "socket") return [rule];
  const args = rule.args ?? [];
  const family = args.find(({ index }) => index === 0);
  if (family === undefined) {
    const notVsock = { index: 0, value: AF_VSOCK, valueTwo: 0, op: "SCMP_CMP_NE" as const };
    return [{ ...rule, args: [notVsock, ...args] }];
  }
  if (family.op !== "SCMP_CMP_NE") return family.value === AF_VSOCK ? [] : [rule];
  const others = args.filter((arg) => arg !== family);
  const bounds = [
    { ...family, value: Math.min(family.value, AF_VSOCK), op: "SCMP_CMP_LT" as const },
    { ...family, value: Math.max(family.value, AF_VSOCK), op: "SCMP_CMP_GT" as const },
  ];
  return bounds.map((bound) => ({ ...rule, args: [bound, ...others] }));
}
