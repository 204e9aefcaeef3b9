// An operator maps root of containers to nobody special on the host; files, volumes and tools go on as before.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { tarHeader } from "#base/tar/header.ts";
import { encodeTarHeader, tarTrailer } from "#base/tar/writer.ts";
import { MAPPED_FIRST, withMappedAccount } from "../../harness/accounts.ts";
import { mustRun } from "../../harness/command.ts";
import { TestEngine } from "../../harness/engine.ts";
import { waitUntil } from "../../harness/wait-until.ts";

const RUNTIMES = ["crun", "runc"] as const;

let engine: TestEngine;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync("/var/tmp/wharf-userns-");
  const under = withMappedAccount(folder);
  engine = new TestEngine({ flags: ["--userns-remap", "mapped"], under });
  const refused = await engine.start().then(() => "", String);
  expect(refused).toContain("restricts access to the remapped root uid/gid");
  chmodSync(engine.root, 0o711);
  writeFileSync(join(engine.root, "daemon.log"), ""); // the refusal is no error of this engine's
  await engine.start();
  await engine.importImage("busybox");
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

const run = (...args: string[]): Promise<string> => engine.mustDocker("run", "--rm", ...args);
const refusal = async (...args: string[]): Promise<string> => {
  const result = await engine.docker(["run", "--rm", ...args]);
  expect(result.exitCode).toBe(125);
  return result.stderr;
};

describe.each(RUNTIMES)("with %s", (runtime) => {
  const by = ["--runtime", runtime];

  test("root inside is another outside, and owns what it should", async () => {
    await engine.mustDocker("run", "-d", ...by, "--name", "mapped", "busybox", "sleep", "1000");
    const pid = await engine.mustDocker("inspect", "-f", "{{.State.Pid}}", "mapped");
    expect(statSync(`/proc/${pid}`).uid).toBe(MAPPED_FIRST);
    const exec = (...command: string[]) => engine.mustDocker("exec", "mapped", ...command);
    expect((await exec("cat", "/proc/1/uid_map")).split(/\s+/)).toEqual([
      "0",
      `${MAPPED_FIRST}`,
      "65536",
    ]);
    expect(await exec("stat", "-c", "%u %g", "/", "/bin/busybox", "/etc/hosts")).toBe(
      "0 0\n0 0\n0 0",
    );
    expect(
      await exec(
        "sh",
        "-c",
        "echo more >>/etc/hosts; touch /new; chown 33:33 /new; stat -c %u /new",
      ),
    ).toBe("33");
    expect(
      await exec("sh", "-c", "touch /dev/shm/x && ping -c 1 -W 2 127.0.0.1 | grep -c ' 0% '"),
    ).toBe("1");
    expect(await engine.mustDocker("exec", "-u", "33", "mapped", "id", "-u")).toBe("33");
    // kept on disk with the container's ids, for an engine with another setting
    const upper = await engine.mustDocker(
      "inspect",
      "-f",
      "{{.GraphDriver.Data.UpperDir}}",
      "mapped",
    );
    expect(statSync(join(upper, "new")).uid).toBe(33);
    await engine.mustDocker("restart", "-t", "0", "mapped");
    expect(await exec("stat", "-c", "%u", "/new")).toBe("33");
    await engine.mustDocker("rm", "-f", "mapped");
  });

  test("volumes are the same for containers with and without; binds are the host's", async () => {
    const host = join(folder, `bind-${runtime}`);
    mkdirSync(host);
    chownSync(host, 1000, 1000);
    const volume = `shared-${runtime}`;
    expect(
      await run(
        ...by,
        "-v",
        `${volume}:/v`,
        "busybox",
        "sh",
        "-c",
        "touch /v/a; chown 33 /v/a; stat -c %u /v",
      ),
    ).toBe("0");
    const other = ["--userns", "host", "-v", `${volume}:/v`, "busybox"];
    expect(
      await run(
        ...by,
        ...other,
        "sh",
        "-c",
        "stat -c %u /v /v/a; touch /v/b; cat /proc/self/uid_map",
      ),
    ).toMatch(/^0\n33\n +0 +0 /);
    expect(await run(...by, "-v", `${volume}:/v`, "busybox", "stat", "-c", "%u", "/v/b")).toBe("0");
    const owner = ["busybox", "stat", "-c", "%u", "/m"];
    expect(await run(...by, "-v", `${host}:/m`, ...owner)).toBe("65534");
    expect(await run(...by, "-v", `${host}:/m:idmap`, ...owner)).toBe("1000");
    expect(
      await run(
        ...by,
        "-v",
        `${host}:/m:idmap=uids=@1000-0-1;gids=@1000-0-1`,
        "busybox",
        "touch",
        "/m/mine",
      ),
    ).toBe("");
    expect(statSync(join(host, "mine")).uid).toBe(1000);
    await engine.mustDocker("volume", "rm", volume);
  });

  test("networks: rights over its own, ports published, another container's joined", async () => {
    const nc = "while echo hello | nc -l -p 80; do :; done";
    await engine.mustDocker(
      ...[
        "run",
        "-d",
        ...by,
        "--name",
        "served",
        "--ipc",
        "shareable",
        "-p",
        "127.0.0.1:0:80",
        "busybox",
      ],
      ...["sh", "-c", nc],
    );
    const [port = ""] = (await engine.mustDocker("port", "served", "80")).split(":").slice(-1);
    await waitUntil("the port answers", async () => {
      const answer = Promise.withResolvers<string>();
      void Bun.connect({
        hostname: "127.0.0.1",
        port: Number(port),
        socket: {
          data: (socket, bytes) => {
            answer.resolve(bytes.toString());
            socket.end();
          },
          close: () => answer.resolve(""),
        },
      }).catch(() => answer.resolve(""));
      return (await answer.promise) === "hello\n";
    });
    const admin = ["--cap-add", "NET_ADMIN", "busybox", "ip", "link", "set", "lo", "mtu", "9000"];
    expect(await run(...by, ...admin)).toBe("");
    const joined = [
      "--network",
      "container:served",
      "--pid",
      "container:served",
      "--ipc",
      "container:served",
    ];
    expect(await run(...by, ...joined, "busybox", "ps", "-o", "args")).toContain("nc -l");
    expect(
      await run(
        ...by,
        "--ipc",
        "container:served",
        "busybox",
        "sh",
        "-c",
        "touch /dev/shm/q; ip link show lo",
      ),
    ).toContain("UP");
    await engine.mustDocker("rm", "-f", "served");
    expect(
      await run(
        ...by,
        "--network",
        "none",
        "--sysctl",
        "net.ipv4.ip_forward=1",
        "busybox",
        "cat",
        "/proc/sys/net/ipv4/ip_forward",
      ),
    ).toBe("1");
  });

  test("tmpfs, devices, init and a folder to work in", async () => {
    expect(await run(...by, "--tmpfs", "/t:uid=33", "busybox", "stat", "-c", "%u", "/t")).toBe(
      "33",
    );
    expect(
      await run(
        ...by,
        "--device",
        "/dev/null:/dev/mynull",
        "busybox",
        "sh",
        "-c",
        "echo x >/dev/mynull && wc -c </dev/mynull",
      ),
    ).toBe("0");
    expect(
      await run(...by, "--init", "-w", "/a/b", "busybox", "sh", "-c", "pwd; stat -c %u ."),
    ).toBe("/a/b\n0");
    expect(await run(...by, "busybox", "cat")).toBe("");
    expect(statSync("/dev/null").uid).toBe(0);
    expect(
      await run(
        ...by,
        "-u",
        "33",
        "busybox",
        "sh",
        "-c",
        "chmod 600 /proc/self/fd/0 2>/dev/null; id -u",
      ),
    ).toBe("33");
    const { uid, mode } = statSync("/dev/null");
    expect([uid, mode & 0o777]).toEqual([0, 0o666]);
  });
});

test("what would undo the mapping is refused in docker's words, and info says that it is there", async () => {
  expect(await refusal("--privileged", "busybox", "true")).toContain(
    "privileged mode is incompatible with user namespaces",
  );
  expect(await refusal("--network", "host", "busybox", "true")).toContain(
    "cannot share the host's network namespace when user namespaces are enabled",
  );
  expect(await refusal("--pid", "host", "busybox", "true")).toContain(
    "cannot share the host PID namespace when user namespaces are enabled",
  );
  expect(
    await run("--privileged", "--userns", "host", "--network", "host", "busybox", "id", "-u"),
  ).toBe("0");
  expect(await engine.mustDocker("info", "-f", "{{.SecurityOptions}}")).toContain("name=userns");
});

test("containers run on under the next engine, also of one that maps nothing", async () => {
  await engine.mustDocker(
    "create",
    "--name",
    "kept",
    "-v",
    "kept:/v",
    "busybox",
    "sh",
    "-c",
    "touch /f /v/f; chown 5 /f; stat -c %u /f /v/f; cat /proc/self/uid_map",
  );
  await engine.mustDocker("start", "-a", "kept");
  await engine.crash();
  const flags = engine.flags.splice(0);
  await engine.start();
  expect(await engine.mustDocker("start", "-a", "kept")).toMatch(/^5\n0\n +0 +0 +4294967295$/);
  await engine.stop();
  engine.flags.push(...flags);
  await engine.start();
  expect(await engine.mustDocker("start", "-a", "kept")).toMatch(
    new RegExp(`^5\\n0\\n +0 +${MAPPED_FIRST} +65536$`),
  );
  await engine.mustDocker("rm", "kept");
  await engine.mustDocker("volume", "rm", "kept");
});

test("debug reaches the files of mapped containers, and of those with the host's users", async () => {
  for (const userns of [[], ["--userns", "host"]]) {
    await engine.mustWharf("run", "-d", "--name", "seen", ...userns, "busybox", "sleep", "1000");
    expect(await engine.mustWharf("debug", "seen", "ls", "-d", "/target/etc/hostname")).toBe(
      "/target/etc/hostname",
    );
    await engine.mustWharf("rm", "-f", "seen");
  }
});

describe("what is copied out of and into a remapped container has the ids that it knows", () => {
  const work = "touch /mine; chown 33:34 /mine; touch /v/kept; chown 33:34 /v/kept; sleep 1000";
  /** More than lies in sockets on the way: who does not read it holds the engine up. */
  const large = tarHeader({ name: "large", type: "file", sizeBytes: 32 * 1024 * 1024 });
  const largeTar = Buffer.concat([
    encodeTarHeader(large),
    Buffer.alloc(large.sizeBytes),
    tarTrailer(),
  ]);
  const ids = ["stat", "-c", "%u %g", "/mine", "/sent", "/v/kept", "/v/sent", "/bin/busybox"];
  const known = "33 34\n1234 2345\n33 34\n1234 2345\n0 0";

  /** Owners by name of some members of the tar that the engine answers. */
  async function ownersIn(path: string, names: readonly string[]): Promise<object> {
    const response = await engine.api("GET", path);
    expect(response.ok ? "" : await response.text()).toBe("");
    const input = new Uint8Array(await response.arrayBuffer());
    const list = await mustRun(["tar", "-tv", "--numeric-owner"], { input });
    const lines = list.stdout.split("\n").map((line) => line.split(/\s+/));
    const owners = lines.map(([, owner, , , , name = ""]) => [name.replace(/\/$/, ""), owner]);
    return Object.fromEntries(owners.filter(([name = ""]) => names.includes(name)));
  }

  async function copies(name: string): Promise<void> {
    const member = tarHeader({ name: "sent", type: "file", uid: 1234, gid: 2345 });
    const sent = Buffer.concat([encodeTarHeader(member), tarTrailer()]);
    for (const target of ["/", "/v"]) {
      const copied = await engine.docker(["cp", "-", `${name}:${target}`], { input: sent });
      expect(copied).toMatchObject({ exitCode: 0 });
    }
    const exported = await ownersIn(`/containers/${name}/export`, ["mine", "sent", "etc"]);
    expect(exported).toEqual({ mine: "33/34", sent: "1234/2345", etc: "0/0" });
    const wanted = {
      "/mine": "33/34",
      "/sent": "1234/2345",
      "/v/kept": "33/34",
      "/v/sent": "1234/2345",
      "/etc/hosts": "0/0",
      "/bin/busybox": "0/0",
    };
    for (const [path, owner] of Object.entries(wanted)) {
      const base = basename(path);
      const found = await ownersIn(`/containers/${name}/archive?path=${path}`, [base]);
      expect(found).toEqual({ [base]: owner });
    }
  }

  test.each(RUNTIMES)("by %s: running, stopped, started while held", async (runtime) => {
    const name = `copied-${runtime}`;
    const volume = `${name}-data`;
    const options = ["--runtime", runtime, "--name", name, "-v", `${volume}:/v`];
    await engine.mustDocker("run", "-d", ...options, "busybox", "sh", "-c", work);
    await waitUntil("it has written", async () => {
      const seen = await engine.docker(["exec", name, "stat", "-c", "%u", "/v/kept"]);
      return seen.stdout.trim() === "33";
    });
    await copies(name);
    expect(await engine.mustDocker("exec", name, ...ids)).toBe(known);
    // one who does not read on keeps the files held over the stop
    await engine.docker(["cp", "-", `${name}:/`], { input: largeTar });
    const heldOfRunning = await engine.api("GET", `/containers/${name}/export`);
    await engine.mustDocker("stop", "-t", "0", name);
    await copies(name);
    await heldOfRunning.body?.cancel();
    const image = await engine.mustDocker("commit", name);
    expect(await run(image, "stat", "-c", "%u %g", "/mine", "/sent")).toBe("33 34\n1234 2345");
    await engine.mustDocker("rmi", image);
    // and over the start
    const held = await engine.api("GET", `/containers/${name}/export`);
    await engine.mustDocker("start", name);
    expect(await engine.mustDocker("exec", name, ...ids)).toBe(known);
    await copies(name);
    await held.body?.cancel();
    await engine.mustDocker("rm", "-f", name);
    await engine.mustDocker("volume", "rm", volume);
  });
});
