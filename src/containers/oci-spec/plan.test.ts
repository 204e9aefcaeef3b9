import { describe, expect, test } from "bun:test";
import { ALL_CAPABILITIES } from "#spec/engine-api/capabilities.ts";
import { parseContainerCreate } from "#spec/engine-api/container-create.ts";
import type { OciSpecInput } from "./input.ts";
import { planOciSpec } from "./plan.ts";
import { securityWarnings } from "./security-options.ts";
import type { SeccompProfile } from "./seccomp.ts";

const PROFILE: SeccompProfile = {
  defaultAction: "SCMP_ACT_ERRNO",
  archMap: [{ architecture: "SCMP_ARCH_X86_64", subArchitectures: ["SCMP_ARCH_X86"] }],
  syscalls: [
    { names: ["read"], action: "SCMP_ACT_ALLOW", args: [] },
    { names: ["mount"], action: "SCMP_ACT_ALLOW", includes: { caps: ["CAP_SYS_ADMIN"] } },
    { names: ["ptrace"], action: "SCMP_ACT_ALLOW", includes: { minKernel: "4.8" } },
    { names: ["old"], action: "SCMP_ACT_ALLOW", excludes: { minKernel: "4.8" } },
    { names: ["arm_only"], action: "SCMP_ACT_ALLOW", includes: { arches: ["arm64"] } },
  ],
};

function inputOf(
  body: Readonly<Record<string, unknown>>,
  changes: Partial<OciSpecInput> = {},
): OciSpecInput {
  const { config, hostConfig } = parseContainerCreate({ Image: "busybox", Cmd: ["true"], ...body });
  return {
    containerId: "0".repeat(64),
    config: { ...config, Hostname: config.Hostname || "000000000000" },
    hostConfig,
    args: ["true"],
    user: { uid: 0, gid: 0, additionalGids: [], home: "/root" },
    rootPath: "/root-fs",
    mounts: [],
    files: { hostnamePath: "/c/hostname", hostsPath: "/c/hosts", resolvConfPath: "/c/resolv.conf" },
    networkNamespacePath: "/run/netns/x",
    joined: {},
    cgroupPath: "/wharf/x",
    defaultSeccompProfile: PROFILE,
    devices: [],
    deviceNumbers: new Map(),
    defaultUlimits: [],
    host: {
      architecture: "amd64",
      kernelRelease: "6.18.1",
      isCgroupV2: false,
      usesSystemdCgroups: false,
      hasSeccomp: true,
      hasAppArmor: false,
      isNoNewPrivilegesDefault: false,
      capabilities: ALL_CAPABILITIES,
      hardLimits: { nofile: 20_000 },
      hostname: "host",
    },
    ...changes,
  };
}

function specOf(...input: Parameters<typeof inputOf>): ReturnType<typeof planOciSpec> {
  return planOciSpec(inputOf(...input));
}

const NO_MODULES = { seccomp: true, apparmor: false, selinux: false };

describe("planOciSpec()", () => {
  test("drops all but Docker's capabilities, filters calls, hides and protects kernel files", () => {
    const { process, linux } = specOf({});
    expect(process?.capabilities?.bounding).toHaveLength(14);
    expect(process?.capabilities?.ambient).toBeUndefined();
    expect(linux.seccomp?.syscalls?.map((rule) => rule.names[0])).toEqual(["read", "ptrace"]);
    expect(linux.seccomp?.architectures).toEqual(["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"]);
    expect(linux.maskedPaths).toContain("/proc/kcore");
    expect(linux.readonlyPaths).toContain("/proc/sys");
    expect(linux.namespaces.map((namespace) => namespace.type)).toEqual(
      expect.arrayContaining(["mount", "network", "uts", "pid", "ipc"]),
    );
    expect(linux.resources?.devices?.[0]).toEqual({ allow: false, access: "rwm" });
  });

  test("lifts all of that for a privileged container and nothing of it for an added capability", () => {
    const { process, linux, mounts } = specOf({ HostConfig: { Privileged: true } });
    expect(process?.capabilities?.bounding).toEqual([...ALL_CAPABILITIES]);
    expect([linux.seccomp, linux.maskedPaths, linux.readonlyPaths]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect(mounts.find((mount) => mount.destination === "/sys")?.options).toContain("rw");
    const added = specOf({ HostConfig: { CapAdd: ["SYS_ADMIN"] } });
    expect(added.linux.seccomp?.syscalls?.map((rule) => rule.names[0])).toContain("mount");
    expect(added.linux.maskedPaths).toContain("/proc/kcore");
  });

  test("wraps the command in the init and mounts it read-only", () => {
    const { process, mounts } = specOf({}, { initPath: "/usr/bin/catatonit" });
    expect(process?.args).toEqual(["/sbin/docker-init", "--", "true"]);
    expect(mounts.find((mount) => mount.destination === "/sbin/docker-init")?.options).toContain(
      "ro",
    );
  });

  test("gives the environment in Docker's order, the container's own last", () => {
    const { process } = specOf({ Env: ["A=b", "PATH=/mine", "HOSTNAME"], Tty: true });
    expect(process?.env).toEqual(["PATH=/mine", "TERM=xterm", "A=b", "HOME=/root"]);
  });

  test("mounts the user's paths from the shallowest on, in place of the engine's", () => {
    const bind = (destination: string) => ({
      kind: "bind" as const,
      source: "/src",
      destination,
      readOnly: false,
      propagation: "",
      options: [],
    });
    const { mounts } = specOf({}, { mounts: [bind("/a/b/c"), bind("/etc/hosts"), bind("/a")] });
    const destinations = mounts.map((mount) => mount.destination);
    expect(destinations.indexOf("/a")).toBeLessThan(destinations.indexOf("/etc/hostname"));
    expect(destinations.at(-1)).toBe("/a/b/c");
    expect(destinations.filter((destination) => destination === "/etc/hosts")).toHaveLength(1);
  });

  test("refuses mounts on the root and on the kernel's files in /proc, but those that only report", () => {
    const at = (destination: string, source = "/src") => ({
      mounts: [
        {
          kind: "bind",
          source,
          destination,
          readOnly: false,
          propagation: "",
          options: [],
        } as const,
      ],
    });
    for (const path of [
      "/",
      "",
      "/proc",
      "/proc/sys",
      "/x/../proc/self/attr",
      "/proc/cpuinfo/..",
    ]) {
      expect(() => specOf({}, at(path))).toThrow(/^error mounting "\/src" to rootfs at /);
    }
    specOf({}, at("/proc/cpuinfo"));
    specOf({}, at("/proc", "/proc"));
    specOf({}, at("/process"));
  });

  test("sets limits in the kernel's units", () => {
    const { linux } = specOf({
      HostConfig: {
        Memory: 64 << 20,
        NanoCpus: 5e8,
        PidsLimit: 50,
        CpuShares: 512,
        BlkioWeight: 300,
      },
    });
    expect(linux.resources).toMatchObject({
      memory: { limit: 64 << 20, swap: 128 << 20 },
      cpu: { period: 100_000, quota: 50_000, shares: 512 },
      pids: { limit: 50 },
      blockIO: { weight: 300 },
    });
  });

  test("refuses a limit above the engine's own and clamps the engine's defaults", () => {
    const nofile = (value: number) => ({ Name: "nofile", Soft: value, Hard: value });
    expect(() => specOf({ HostConfig: { Ulimits: [nofile(99_999)] } })).toThrow(
      /nofile to 99999: .* hard limit is 20000/,
    );
    expect(specOf({}, { defaultUlimits: [nofile(99_999)] }).process?.rlimits).toEqual([
      { type: "RLIMIT_NOFILE", soft: 20_000, hard: 20_000 },
    ]);
  });

  test("refuses what is no option; labels and profiles of modules that the host lacks have no effect", () => {
    const withOption = (option: string) => () => specOf({ HostConfig: { SecurityOpt: [option] } });
    expect(withOption("apparmor=mine")().process?.apparmorProfile).toBeUndefined();
    expect(withOption("label=type:x")().process?.selinuxLabel).toBeUndefined();
    expect(securityWarnings(["apparmor=mine", "label:type:x"], NO_MODULES)).toHaveLength(2);
    expect(securityWarnings(["apparmor=unconfined", "label=disable"], NO_MODULES)).toEqual([]);
    expect(withOption("seccomp={")).toThrow("Decoding seccomp profile failed");
    expect(withOption("nonsense")).toThrow("invalid --security-opt");
  });

  test("AppArmor: the engine's profile, a named one, none when privileged", () => {
    const profileOf = (HostConfig: object) => {
      const input = inputOf({ HostConfig });
      const host = { ...input.host, hasAppArmor: true, appArmorProfile: "wharf-default" };
      return planOciSpec({ ...input, host }).process?.apparmorProfile;
    };
    expect(profileOf({})).toBe("wharf-default");
    expect(profileOf({ SecurityOpt: ["apparmor=mine"] })).toBe("mine");
    expect(profileOf({ Privileged: true })).toBe("unconfined");
  });

  test("no new privileges by the engine's default, unless the container says", () => {
    const flagOf = (...SecurityOpt: string[]) => {
      const input = inputOf({ HostConfig: { SecurityOpt } });
      const host = { ...input.host, isNoNewPrivilegesDefault: true };
      return planOciSpec({ ...input, host }).process?.noNewPrivileges;
    };
    expect(flagOf()).toBe(true);
    expect(flagOf("no-new-privileges:false")).toBe(false);
  });

  test("a user namespace: joined, with its ids, devices bound, queues of the host's IPC too", () => {
    const range = { containerId: 0, hostId: 100_000, size: 65_536 };
    const device = { type: "c", path: "/dev/x", major: 1, minor: 3 } as const;
    const { linux, mounts } = planOciSpec({
      ...inputOf({ HostConfig: { IpcMode: "host" } }),
      users: { path: "/users", mappings: { users: [range], groups: [range] } },
      devices: [{ device, hostPath: "/dev/null", access: "rwm" }],
    });
    const mapping = { containerID: 0, hostID: 100_000, size: 65_536 };
    expect(linux.namespaces).toContainEqual({ type: "user", path: "/users" });
    expect(linux).toMatchObject({ uidMappings: [mapping], gidMappings: [mapping], devices: [] });
    expect(linux.sysctl?.["net.ipv4.ping_group_range"]).toBe("0 65535");
    expect(mounts).toContainEqual(
      expect.objectContaining({ destination: "/dev/x", source: "/dev/null", type: "bind" }),
    );
    expect(mounts.find(({ destination }) => destination === "/dev/mqueue")?.type).toBe("bind");
  });

  test("shares the host's namespaces on request", () => {
    const { networkNamespacePath: _own, ...input } = inputOf({
      HostConfig: { PidMode: "host", IpcMode: "host", UTSMode: "host", NetworkMode: "host" },
    });
    const { linux, mounts, hostname } = planOciSpec(input);
    expect(linux.namespaces.map((namespace) => namespace.type)).not.toContain("pid");
    expect(linux.namespaces.map((namespace) => namespace.type)).not.toContain("network");
    expect(mounts.find((mount) => mount.destination === "/dev/shm")?.source).toBe("/dev/shm");
    expect(hostname).toBeUndefined();
    expect(linux.sysctl).toEqual({});
  });
});
