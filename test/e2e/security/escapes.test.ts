// Root in a default container tries to get out: what docker refuses is refused, and no more is possible.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { mustRun } from "../../harness/command.ts";
import { loadLayeredImage } from "../../harness/images/layered-image.ts";
import { startEngine, type TestEngine } from "../../harness/engine.ts";

const RUNTIMES = ["crun", "runc"] as const;
const TESTDATA = join(import.meta.dir, "testdata");

let engine: TestEngine;
/** Stands for the host's files. */
let outside: string;

beforeAll(async () => {
  engine = await startEngine({ images: ["busybox", "debian"] });
  outside = mkdtempSync("/var/tmp/wharf-outside-");
  writeFileSync(join(outside, "secret"), "of the host");
});
afterAll(async () => {
  expectOutsideUntouched();
  rmSync(outside, { recursive: true, force: true });
  await engine[Symbol.asyncDispose]();
});

const run = (...args: string[]): Promise<string> => engine.mustDocker("run", "--rm", ...args);

function expectOutsideUntouched(): void {
  expect(readdirSync(outside)).toEqual(["secret"]);
  expect(readFileSync(join(outside, "secret"), "utf8")).toBe("of the host");
}

async function isBefore(program: string, version: string): Promise<boolean> {
  const { stdout } = await mustRun([program, "--version"]);
  const own = /version (\d+\.\d+\.\d+)/.exec(stdout)?.[1] ?? "0.0.0";
  return Bun.semver.order(own, version) < 0;
}

function removeEmptyFolders(): void {
  for (const entry of readdirSync(outside, { withFileTypes: true })) {
    if (entry.isDirectory()) rmdirSync(join(outside, entry.name));
  }
}

/** Name of the attempt to `worked` or `refused`. */
function parseAttempts(text: string): ReadonlyMap<string, string> {
  return new Map(
    text
      .trim()
      .split("\n")
      .map((line): [string, string] => {
        const [name = "", result = ""] = line.split("\t");
        return [name, result];
      }),
  );
}

describe.skipIf(process.arch !== "x64")("attempts from inside", () => {
  const recorded = parseAttempts(readFileSync(join(TESTDATA, "escapes-docker.txt"), "utf8"));

  test.each(RUNTIMES)("what works with %s works in docker too", async (runtime) => {
    const before = kernelSettings();
    const { stdout } = await engine.docker(
      ["run", "--rm", "-i", "--runtime", runtime, "debian:12", "perl", "-"],
      { input: readFileSync(join(TESTDATA, "escapes.pl")) },
    );
    const ours = parseAttempts(stdout);
    expect([...ours.keys()]).toEqual([...recorded.keys()]);
    const more = [...ours].filter(
      ([name, result]) => result === "worked" && recorded.get(name) !== "worked",
    );
    expect(more).toEqual([]);
    expect(kernelSettings()).toEqual(before);
  });
});

/** What the attempts aim at on the host. */
function kernelSettings(): readonly string[] {
  const files = [
    "kernel/core_pattern",
    "kernel/modprobe",
    "kernel/randomize_va_space",
    "kernel/hostname",
  ];
  return files
    .map((name) => `/proc/sys/${name}`)
    .filter((path) => existsSync(path))
    .map((path) => readFileSync(path, "utf8"));
}

// The checks of the CIS Docker benchmark's chapter 5 and docker-bench-security on a container that asks for nothing.
test.each(RUNTIMES)("a default container by the CIS benchmark, with %s", async (runtime) => {
  const id = await engine.mustDocker("run", "-d", "--runtime", runtime, "busybox", "sleep", "1000");
  const [shown] = JSON.parse(await engine.mustDocker("inspect", id)) as [
    {
      readonly State: { readonly Pid: number };
      readonly HostConfig: Readonly<Record<string, unknown>>;
      readonly Mounts: readonly unknown[];
    },
  ];
  expect(shown.HostConfig).toMatchObject({
    Privileged: false,
    CapAdd: null,
    NetworkMode: "bridge",
    PidMode: "",
    UTSMode: "",
    UsernsMode: "",
    IpcMode: "private",
    SecurityOpt: null,
    Devices: [],
    PublishAllPorts: false,
    PortBindings: {},
  });
  expect(shown.Mounts).toEqual([]);
  const { Pid } = shown.State;
  for (const kind of ["net", "pid", "ipc", "uts", "mnt"]) {
    expect(readlinkSync(`/proc/${Pid}/ns/${kind}`)).not.toBe(readlinkSync(`/proc/self/ns/${kind}`));
  }
  expect(readlinkSync(`/proc/${Pid}/ns/user`)).toBe(readlinkSync("/proc/self/ns/user"));
  const cgroups = readFileSync(`/proc/${Pid}/cgroup`, "utf8").trim().split("\n");
  expect(cgroups.some((line) => line.includes(id))).toBe(true);
  const mounts = readFileSync(`/proc/${Pid}/mountinfo`, "utf8");
  expect(mounts).not.toMatch(/ (shared|master):|\.sock /);
  const writable = mounts
    .split("\n")
    .map((line) => line.split(" "))
    .filter(
      ([, , , , target = "", options = ""]) =>
        /^\/(proc\/|sys)/.test(target) && options.startsWith("rw"),
    )
    .map(([, , , , target = ""]) => target);
  const masks = ["/sys/fs/cgroup", "/proc/"]; // the folder that holds the v1 hierarchies; files of nothing
  expect(writable.filter((target) => !masks.some((mask) => target.startsWith(mask)))).toEqual([]);
  await engine.mustDocker("rm", "-f", id);
});

test.each(RUNTIMES)(
  "no program of the host can be written to while %s works in the container",
  async (runtime) => {
    const programs = ["crun", "runc", "conmon"]
      .map((name) => Bun.which(name))
      .filter((path) => path !== null);
    const hashes = () =>
      programs.map((path) => createHash("sha256").update(readFileSync(path)).digest("hex"));
    const before = hashes();
    // CVE-2019-5736: the runtime is seen from inside while it joins
    const watch = `
    my %seen; $| = 1; print "up\\n";
    while (1) { for my $exe (glob "/proc/[0-9]*/exe") {
      my $to = readlink $exe or next; next if $to =~ m{^/usr/bin/perl};
      print "$to\\n" unless $seen{$to}++;
      if (open(my $file, ">>", $exe)) { my @s = stat $file; print "OPENED $to @s[0,1]\\n"; } } }`;
    const flags = ["-d", "--name", `watch-${runtime}`, "--runtime", runtime];
    await engine.mustDocker("run", ...flags, "debian:12", "perl", "-e", watch);
    for (let round = 0; round < 4; round++) {
      await engine.mustDocker("exec", `watch-${runtime}`, "true");
      await engine.docker(["exec", `watch-${runtime}`, "/proc/self/exe", "--version"]);
    }
    const log = await engine.mustDocker("logs", `watch-${runtime}`);
    const hostDevices = new Set(
      programs.map((path) => `${statSync(path).dev} ${statSync(path).ino}`),
    );
    const opened = log.split("\n").filter((line) => line.startsWith("OPENED"));
    expect(opened.filter((line) => hostDevices.has(line.split(" ").slice(-2).join(" ")))).toEqual(
      [],
    );
    const started = await engine.docker([
      "run",
      "--rm",
      "--runtime",
      runtime,
      "--entrypoint",
      "/proc/self/exe",
      "busybox",
    ]);
    expect(started.exitCode).toBeGreaterThan(0);
    await engine.mustDocker("rm", "-f", `watch-${runtime}`);
    expect(hashes()).toEqual(before);
  },
);

test.each(RUNTIMES)("an exec holds nothing of the host's /dev/null with %s", async (runtime) => {
  const name = `null-${runtime}`;
  await engine.mustDocker(
    "run",
    "-d",
    "--runtime",
    runtime,
    "--name",
    name,
    "busybox",
    "sleep",
    "1000",
  );
  const ofHost = statSync("/dev/null");
  for (const flags of [[], ["-u", "33"], ["-t"], ["-d"]]) {
    const stat = ["sh", "-c", "stat -L -c '%d:%i' /proc/self/fd/* | tee -a /seen"];
    await engine.docker(["exec", ...flags, name, ...stat]);
  }
  const seen = await engine.mustDocker("exec", name, "sh", "-c", "sort -u /seen");
  expect(seen.split("\n")).not.toContain(`${ofHost.dev}:${ofHost.ino}`);
  const { uid, gid, mode } = statSync("/dev/null");
  expect([uid, gid, mode]).toEqual([ofHost.uid, ofHost.gid, ofHost.mode]);
  await engine.mustDocker("rm", "-f", name);
});

test.each(RUNTIMES)(
  "working folders that are descriptors lead nowhere with %s",
  async (runtime) => {
    // CVE-2024-21626; also as the image's own
    for (let descriptor = 3; descriptor < 12; descriptor += 4) {
      const folder = `/proc/self/fd/${descriptor}`;
      const listed = await engine.docker([
        "run",
        "--rm",
        "--runtime",
        runtime,
        "-w",
        folder,
        "busybox",
        "ls",
        `../../../../../..${outside}`,
      ]);
      expect(listed.stdout).not.toContain("secret");
      expect(listed.exitCode).toBeGreaterThan(0);
    }
    await loadLayeredImage(
      engine,
      outside,
      "cwd:1",
      'add("link", type=tarfile.SYMTYPE, linkname="/proc/self/fd/7")',
      { WorkingDir: "/link" },
    );
    const listed = await engine.docker([
      "run",
      "--rm",
      "--runtime",
      runtime,
      "cwd:1",
      "ls",
      `../../../../../..${outside}`,
    ]);
    expect(listed.stdout).not.toContain("secret");
  },
);

test.each(RUNTIMES)(
  "a mount point that turns into a link while %s mounts on it",
  async (runtime) => {
    // CVE-2021-30465: another container exchanges folders in a volume that they share
    const swap = `mkdir -p /v/dir/point; while true; do
    mv /v/dir /v/kept; ln -s ${outside} /v/dir; rm /v/dir; mv /v/kept /v/dir; done`;
    const name = `swap-${runtime}`;
    await engine.mustDocker(
      "run",
      "-d",
      "--name",
      name,
      "-v",
      `${name}:/v`,
      "busybox",
      "sh",
      "-c",
      swap,
    );
    const mounts = ["-v", `${name}:/v`, "--tmpfs", "/v/dir/point", "-v", "other:/v/dir/more"];
    for (let round = 0; round < 5; round++) {
      const result = await engine.docker([
        "run",
        "--rm",
        "--runtime",
        runtime,
        ...mounts,
        "busybox",
        "ls",
        "/v/dir/point",
      ]);
      expect(result.stdout).not.toContain("secret");
    }
    await engine.mustDocker("rm", "-f", name);
    await engine.mustDocker("volume", "rm", name, "other");
    // CVE-2024-45310: runc before 1.1.14 can be made to make empty folders, and mounts nothing there
    if (runtime === "runc" && (await isBefore("runc", "1.1.14"))) removeEmptyFolders();
    expectOutsideUntouched();
    expect((await mustRun(["cat", "/proc/self/mountinfo"])).stdout).not.toContain(outside);
  },
);

describe("images whose folders are links", () => {
  test.each(RUNTIMES)("docker's own mount points are made anew, with %s", async (runtime) => {
    await loadLayeredImage(
      engine,
      outside,
      "links:1",
      `for name in ("proc", "sys", "dev", "etc/hosts", "etc/hostname", "etc/resolv.conf"): add(name, type=tarfile.SYMTYPE, linkname=${JSON.stringify(outside)} + "/" + name.replace("/", "-"))`,
    );
    const script =
      "cat /etc/hosts; ls /proc/self/exe; test -c /dev/null && test -d /sys/kernel && echo whole";
    const out = await run("--runtime", runtime, "links:1", "sh", "-c", script);
    expect(out).toMatch(/localhost[\s\S]*whole$/);
    expectOutsideUntouched();
  });

  test.each(RUNTIMES)(
    "VOLUME and WORKDIR that are links to nowhere lead on inside, with %s",
    async (runtime) => {
      await loadLayeredImage(
        engine,
        outside,
        "links:2",
        `add("data", type=tarfile.SYMTYPE, linkname="/var/lib/data"); add("work", type=tarfile.SYMTYPE, linkname="../../srv/work"); add("up", type=tarfile.SYMTYPE, linkname="../../../..${outside}/up")`,
        { Volumes: { "/data": {}, "/up": {} }, WorkingDir: "/work/deep" },
      );
      const out = await run(
        "--runtime",
        runtime,
        "links:2",
        "sh",
        "-c",
        "pwd -P; touch /data/x; ls /var/lib/data",
      );
      expect(out).toBe("/srv/work/deep\nx");
      expectOutsideUntouched();
    },
  );
});

test("volumes are closed to the host's other users", async () => {
  await run(
    "-v",
    "private:/v",
    "busybox",
    "sh",
    "-c",
    "cp /bin/busybox /v/su; chmod 4755 /v/su; echo x >/v/file",
  );
  const path = await engine.mustDocker("volume", "inspect", "-f", "{{.Mountpoint}}", "private");
  await mustRun(["chmod", "o+x", engine.root]);
  const nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
  const tried = Bun.spawnSync([...nobody, "cat", join(path, "file")]);
  expect(tried.stderr.toString()).toContain("Permission denied");
  await mustRun(["chmod", "o-x", engine.root]);
  await engine.mustDocker("volume", "rm", "private");
});
