// An operator has switched on --userns-remap: builds go on, root of a step is nobody special on the host, and the image is
// the one that an engine without it makes.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { MAPPED_FIRST, withMappedAccount } from "../../harness/accounts.ts";
import { addBuildx, hasBuildx } from "../../harness/build/buildx.ts";
import { TestEngine } from "../../harness/engine.ts";
import { waitUntil } from "../../harness/wait-until.ts";

const EPOCH = "1600000000";

let engine: TestEngine;
let folder: string;

async function openEngineWith(flags: readonly string[]): Promise<TestEngine> {
  const opened = new TestEngine({ flags, under: withMappedAccount(folder) });
  chmodSync(opened.root, 0o711);
  await opened.start();
  await opened.importImage("busybox");
  addBuildx(opened);
  return opened;
}

beforeAll(async () => {
  folder = mkdtempSync("/var/tmp/wharf-userns-build-");
  engine = await openEngineWith(["--userns-remap", "mapped"]);
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});
afterEach(async () => {
  // what a container or a step leaves goes behind the answer
  await waitUntil("no mount and no folder of a step is left", () => {
    const mounts = readFileSync(`/proc/${engine.pid}/mountinfo`, "utf8");
    const left = readdirSync(join(engine.root, "data/containers"));
    return !mounts.includes(`${engine.root}/data/overlay2`) && left.length === 0;
  });
});

/** @returns The folder of a context. */
function contextOf(name: string, lines: readonly string[]): string {
  const context = join(folder, name);
  mkdirSync(join(context, "d"), { recursive: true });
  writeFileSync(join(context, "Dockerfile"), `${lines.join("\n")}\n`);
  writeFileSync(join(context, "a"), "A\n");
  writeFileSync(join(context, "d/b"), "B\n");
  return context;
}

async function wharfBuild(context: string, ...flags: readonly string[]): Promise<string> {
  const built = await engine.wharf(["build", "--no-cache", "--progress=plain", ...flags, context], {
    env: { SOURCE_DATE_EPOCH: EPOCH },
  });
  expect(built).toMatchObject({ exitCode: 0 });
  return built.stderr;
}

/** What steps printed, in their order. */
function printed(progress: string): readonly string[] {
  return progress.split("\n").flatMap((line) => /^#\d+ \d+\.\d+ (.*)$/.exec(line)?.slice(1) ?? []);
}

const owners = (...paths: readonly string[]): string => `stat -c '%n %u:%g %a' ${paths.join(" ")}`;

/** All that makes files: the owners of what comes about are looked at in the image. */
const MAKING = [
  "FROM busybox AS one",
  "RUN touch /ran && chown 33:34 /ran && mkdir /dir && chown 5:6 /dir && chmod 4755 /ran",
  "COPY a /copied",
  "COPY --chown=33:34 --chmod=640 a /owned",
  "ADD --chown=nobody d /added",
  "RUN rm /bin/false && rm -rf /etc/init.d && mkdir -p /etc/init.d && chown 7:8 /etc/passwd",
  "FROM one",
  "WORKDIR /w/x",
  "USER 33:34",
  "RUN touch /tmp/user",
  "USER 0",
  "RUN mkfifo pipe && ln /ran hard && ln -s /ran soft && chown -h 9:9 soft",
  "COPY --from=one /ran /dir /from/",
  "RUN --mount=type=bind,from=one,target=/one cp -a /one/ran /one/dir /kept/ 2>/dev/null || (mkdir /kept && cp -a /one/ran /one/dir /kept/)",
];
const MADE = [
  ...["/ran", "/copied", "/owned", "/added", "/added/b", "/etc/passwd", "/w", "/w/x", "/tmp/user"],
  ...["pipe", "soft", "/from", "/from/ran", "/kept", "/kept/ran", "/kept/dir", "/bin/busybox", "/"],
];
const KNOWN = [
  ...["/ran 33:34 4755", "/copied 0:0 644", "/owned 33:34 640", "/added 65534:65534 755"],
  ...["/added/b 65534:65534 644", "/etc/passwd 7:8 644", "/w 0:0 755", "/w/x 0:0 755"],
  ...["/tmp/user 33:34 644", "pipe 0:0 644", "soft 9:9 777", "/from 0:0 755"],
  ...["/from/ran 33:34 4755", "/kept 0:0 755", "/kept/ran 33:34 4755", "/kept/dir 5:6 755"],
  ...["/bin/busybox 0:0 755", "/ 0:0 755"],
];

describe("with users of their own", () => {
  test("steps run as somebody else on the host, and own in the image what they should", async () => {
    const context = contextOf("made", [...MAKING, `RUN id -u && cat /proc/self/uid_map`]);
    const output = await wharfBuild(context, "-t", "made");
    expect(printed(output).map((line) => line.trim().split(/\s+/))).toEqual([
      ["0"],
      ["0", String(MAPPED_FIRST), "65536"],
    ]);
    const stat = ["stat", "-c", "%n %u:%g %a", ...MADE];
    const inImage = await engine.mustDocker("run", "--rm", "made", ...stat);
    expect(inImage.split("\n")).toEqual(KNOWN);
    const gone = ["sh", "-c", "ls /etc/init.d | wc -l; test -e /bin/false; echo $?"];
    expect(await engine.mustDocker("run", "--rm", "made", ...gone)).toBe("0\n1");
  }, 60_000);

  test("the classic API makes the same, and so does buildx", async () => {
    const context = contextOf("doors", MAKING);
    const doors: readonly Readonly<Record<string, string>>[] = [
      { DOCKER_BUILDKIT: "0" },
      ...(hasBuildx ? [{ DOCKER_BUILDKIT: "1" }] : []),
    ];
    for (const env of doors) {
      const built = await engine.docker(["build", "--no-cache", "-t", "door", context], { env });
      expect(built).toMatchObject({ exitCode: 0 });
      const stat = ["stat", "-c", "%n %u:%g %a", ...MADE];
      const inImage = await engine.mustDocker("run", "--rm", "door", ...stat);
      expect(inImage.split("\n")).toEqual(KNOWN);
    }
  }, 60_000);

  test("mounts show the owners that are asked for", async () => {
    const socket = join(folder, "agent");
    const agent = createServer().listen(socket);
    writeFileSync(join(folder, "secret"), "hidden\n");
    const cached = "--mount=type=cache,target=/c,uid=7,gid=8,mode=750";
    const context = contextOf("mounts", [
      "FROM busybox AS one",
      "RUN touch /mine && chown 33:34 /mine",
      "FROM busybox",
      `RUN ${cached} ${owners("/c")}; echo x > /c/log; chown 9:10 /c/log`,
      `RUN ${cached} ${owners("/c/log")}`,
      `RUN --mount=type=secret,id=s,uid=33,gid=34,target=/s ${owners("/s")}; cat /s`,
      `RUN --mount=type=secret,id=s,env=WORD echo $WORD`,
      `RUN --mount=type=ssh,uid=33 ${owners("$SSH_AUTH_SOCK")}`,
      `RUN --mount=type=bind,target=/ctx ${owners("/ctx/a", "/ctx/d")}; touch /ctx/no 2>&1 || true`,
      `RUN --mount=type=bind,from=one,target=/one ${owners("/one/mine")}`,
      `RUN --mount=type=bind,rw,from=one,target=/one touch /one/new; chown 5 /one/new; ${owners("/one/new", "/one/mine")}`,
      `RUN --mount=type=bind,rw,target=/ctx touch /ctx/new; chown 5 /ctx/new; ${owners("/ctx/new", "/ctx/a")}`,
      `RUN --mount=type=tmpfs,target=/t touch /t/x; ${owners("/t/x")}`,
      `RUN --mount=type=cache,from=one,target=/filled ${owners("/filled/mine")}`,
      "RUN <<END",
      owners("/etc/hosts", "/etc/resolv.conf"),
      "END",
      "RUN --network=none ls /sys/class/net",
    ]);
    try {
      const output = await wharfBuild(
        context,
        ...["--secret", `id=s,src=${join(folder, "secret")}`, "--ssh", `default=${socket}`],
      );
      expect(printed(output)).toEqual([
        ...["/c 7:8 750", "/c/log 9:10 644", "/s 33:34 400", "hidden", "hidden"],
        ...["/run/buildkit/ssh_agent.0 33:0 600", "/ctx/a 0:0 644", "/ctx/d 0:0 755"],
        ...["touch: /ctx/no: Read-only file system", "/one/mine 33:34 644"],
        ...["/one/new 5:0 644", "/one/mine 33:34 644", "/ctx/new 5:0 644", "/ctx/a 0:0 644"],
        ...["/t/x 0:0 644", "/filled/mine 33:34 644"],
        ...["/etc/hosts 0:0 644", "/etc/resolv.conf 0:0 644", "lo"],
      ]);
      // what a cache keeps is on disk as the steps know it; without a cache it would begin anew
      const again = contextOf("again", ["FROM busybox", `RUN ${cached} ${owners("/c", "/c/log")}`]);
      expect(printed(await wharfBuild(again, "--no-cache=false"))).toEqual([
        "/c 7:8 750",
        "/c/log 9:10 644",
      ]);
    } finally {
      agent.close();
    }
  }, 60_000);

  test("what would undo the mapping is refused, and an owner beyond it too", async () => {
    const refused = async (lines: readonly string[], ...flags: string[]): Promise<string> => {
      const context = contextOf("refused", ["FROM busybox", ...lines]);
      const built = await engine.wharf(["build", "--no-cache", ...flags, context]);
      expect(built.exitCode).not.toBe(0);
      return built.stderr;
    };
    expect(await refused(["RUN --network=host true"], "--allow", "network.host")).toContain(
      "cannot share the host's network namespace when user namespaces are enabled",
    );
    expect(
      await refused(["RUN --security=insecure true"], "--allow", "security.insecure"),
    ).toContain("privileged mode is incompatible with user namespaces");
    const secret = join(folder, "secret");
    writeFileSync(secret, "hidden\n");
    expect(
      await refused(
        ["RUN --mount=type=secret,id=s,uid=70000 cat /run/secrets/s"],
        ...["--secret", `id=s,src=${secret}`],
      ),
    ).toContain("owner 70000:0 is not one of the user namespace");
  }, 60_000);

  test("the image is byte for byte what an engine without it makes", async () => {
    const context = contextOf("same", MAKING);
    const output = "--output=type=docker,name=same,rewrite-timestamp=true";
    const idBy = async (): Promise<string> => {
      await wharfBuild(context, output);
      return await engine.mustDocker("inspect", "-f", "{{.Id}}", "same");
    };
    const mapped = await idBy();
    await engine.stop();
    const flags = engine.flags.splice(0);
    await engine.start();
    const plain = await idBy();
    await engine.stop();
    engine.flags.push(...flags);
    await engine.start();
    expect(plain).toBe(mapped);
  }, 60_000);
});

test("with runc the same", async () => {
  await using other = await openEngineWith([
    ...["--userns-remap", "mapped", "--default-runtime", "runc"],
  ]);
  const context = contextOf("runc", [
    ...MAKING,
    `RUN --mount=type=secret,id=s,uid=33 ${owners("/run/secrets/s")}`,
    `RUN --mount=type=cache,target=/c touch /c/x && ${owners("/c/x")}`,
  ]);
  writeFileSync(join(folder, "secret"), "hidden\n");
  const built = await other.wharf([
    ...["build", "--progress=plain", "-t", "made"],
    ...["--secret", `id=s,src=${join(folder, "secret")}`, context],
  ]);
  expect(built).toMatchObject({ exitCode: 0 });
  expect(printed(built.stderr)).toEqual(["/run/secrets/s 33:0 400", "/c/x 0:0 644"]);
  const stat = ["stat", "-c", "%n %u:%g %a", ...MADE];
  expect((await other.mustDocker("run", "--rm", "made", ...stat)).split("\n")).toEqual(KNOWN);
}, 60_000);
