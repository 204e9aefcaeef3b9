// A user publishes ports of containers on the default bridge.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { startEngine, type TestEngine } from "../../harness/engine.ts";
import { mustRun, runCommand } from "../../harness/command.ts";
import { waitUntil } from "../../harness/wait-until.ts";

let engine: TestEngine;
beforeAll(async () => {
  engine = await startEngine({ images: ["busybox", "debian"] });
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
});

/** A tiny web server: answers each connection with its word. */
const serve = (word: string) =>
  `while :; do printf 'HTTP/1.0 200 OK\\r\\n\\r\\n${word}' | nc -l -p 80 >/dev/null; done`;

async function portOf(name: string, port = "80/tcp"): Promise<string> {
  const lines = (await engine.mustDocker("port", name, port)).split("\n");
  return lines[0]?.split(":").at(-1) ?? "";
}

async function fetchWord(url: string): Promise<string> {
  return await waitUntil(`an answer of ${url}`, async () => {
    const result = await runCommand(["curl", "-fs", "--max-time", "2", url]);
    return result.exitCode === 0 ? result.stdout : undefined;
  });
}

/** Sends one datagram to loopback; undefined when nothing comes back in half a second. */
async function askUdp(port: number, question: string): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const socket = await Bun.udpSocket({
    connect: { hostname: "127.0.0.1", port },
    socket: {
      data: (_socket, data) => resolve(data.toString()),
      error: () => resolve(undefined), // refused: nobody listens yet
    },
  });
  const timer = setTimeout(() => resolve(undefined), 500);
  socket.send(question);
  const answer = await promise;
  clearTimeout(timer);
  socket.close();
  return answer;
}

describe("a published port", () => {
  test("answers on loopback, on the host's address, from another container and from its own", async () => {
    await engine.mustDocker(
      "run",
      "-d",
      "--name",
      "web",
      "-p",
      "80",
      "busybox",
      "sh",
      "-c",
      serve("hello"),
    );
    const port = await portOf("web");
    expect(await fetchWord(`http://127.0.0.1:${port}/`)).toBe("hello");
    const gateway = await engine.mustDocker(
      "inspect",
      "-f",
      "{{.NetworkSettings.Networks.bridge.Gateway}}",
      "web",
    );
    expect(await fetchWord(`http://${gateway}:${port}/`)).toBe("hello");
    const address = await engine.mustDocker(
      "inspect",
      "-f",
      "{{.NetworkSettings.Networks.bridge.IPAddress}}",
      "web",
    );
    expect(
      await engine.mustDocker("run", "--rm", "busybox", "wget", "-qO-", `http://${address}/`),
    ).toBe("hello");
    expect(
      await engine.mustDocker(
        "run",
        "--rm",
        "busybox",
        "wget",
        "-qO-",
        `http://${gateway}:${port}/`,
      ),
    ).toBe("hello");
    expect(
      await engine.mustDocker("exec", "web", "wget", "-qO-", `http://${gateway}:${port}/`),
    ).toBe("hello");
    await engine.mustDocker("rm", "-f", "web");
    const gone = await runCommand(["curl", "-s", "--max-time", "2", `http://127.0.0.1:${port}/`]);
    expect(gone.exitCode).not.toBe(0);
  });

  test("answers from another host", async () => {
    const name = `wt-out-${process.pid}`;
    await engine.mustDocker(
      "run",
      "-d",
      "--name",
      "far",
      "-p",
      "80",
      "busybox",
      "sh",
      "-c",
      serve("far"),
    );
    const port = await portOf("far");
    await mustRun(["ip", "netns", "add", name]);
    try {
      await mustRun([
        "ip",
        "link",
        "add",
        "wtout0",
        "type",
        "veth",
        "peer",
        "name",
        "wtout1",
        "netns",
        name,
      ]);
      await mustRun(["ip", "addr", "add", "198.51.100.1/30", "dev", "wtout0"]);
      await mustRun(["ip", "link", "set", "wtout0", "up"]);
      await mustRun(["ip", "-n", name, "addr", "add", "198.51.100.2/30", "dev", "wtout1"]);
      await mustRun(["ip", "-n", name, "link", "set", "wtout1", "up"]);
      await mustRun(["ip", "-n", name, "route", "add", "default", "via", "198.51.100.1"]);
      const inside = (url: string) =>
        runCommand(["ip", "netns", "exec", name, "curl", "-s", "--max-time", "3", url]);
      expect((await inside(`http://198.51.100.1:${port}/`)).stdout).toBe("far");
      const address = await engine.mustDocker(
        "inspect",
        "-f",
        "{{.NetworkSettings.Networks.bridge.IPAddress}}",
        "far",
      );
      // What is not published stays closed to other hosts, even one that routes to the bridge.
      expect((await inside(`http://${address}:81/`)).exitCode).not.toBe(0);
    } finally {
      await runCommand(["ip", "link", "del", "wtout0"]);
      await runCommand(["ip", "netns", "del", name]);
      await engine.mustDocker("rm", "-f", "far");
    }
  });

  test("that is taken is refused and its holder named", async () => {
    await engine.mustDocker(
      "run",
      "-d",
      "--name",
      "first",
      "-p",
      "127.0.0.1::80",
      "busybox",
      "sleep",
      "1000",
    );
    const port = await portOf("first");
    const second = await engine.docker([
      "run",
      "-d",
      "--name",
      "second",
      "-p",
      `127.0.0.1:${port}:80`,
      "busybox",
      "true",
    ]);
    expect(second.exitCode).toBe(125);
    expect(second.stderr).toContain("port is already allocated");
    expect(second.stderr).toContain("first");
    await engine.mustDocker("rm", "-f", "first", "second");
    const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    const third = await engine.docker([
      "run",
      "--rm",
      "-p",
      `127.0.0.1:${listener.port}:80`,
      "busybox",
      "true",
    ]);
    listener.stop(true);
    expect(third.exitCode).toBe(125);
    expect(third.stderr).toContain(`pid ${process.pid}`);
  });

  test("carries udp", async () => {
    const echo =
      '$s = IO::Socket::INET->new(LocalPort => 5353, Proto => "udp"); while ($s->recv($m, 1024)) { $s->send($m) }';
    await engine.mustDocker(
      ...["run", "-d", "--name", "udp", "-p", "127.0.0.1::5353/udp", "debian:12"],
      ...["perl", "-MIO::Socket::INET", "-e", echo],
    );
    const port = await portOf("udp", "5353/udp");
    const answer = await waitUntil("the echo", () => askUdp(Number(port), "ping"));
    expect(answer).toBe("ping");
    await engine.mustDocker("rm", "-f", "udp");
  });

  test("-P publishes what the image exposes", async () => {
    await engine.mustDocker(
      "run",
      "-d",
      "--name",
      "all",
      "--expose",
      "8000-8001",
      "-P",
      "busybox",
      "sleep",
      "1000",
    );
    expect(await engine.mustDocker("port", "all")).toMatch(
      /8000\/tcp -> 0\.0\.0\.0:\d+[\s\S]*8001\/tcp -> /,
    );
    await engine.mustDocker("rm", "-f", "all");
  });

  test("is found again after stop, start and the engine's restart", async () => {
    await engine.mustDocker(
      "run",
      "-d",
      "--name",
      "stays",
      "-p",
      "80",
      "--restart",
      "always",
      "busybox",
      "sh",
      "-c",
      serve("stays"),
    );
    await engine.mustDocker("restart", "-t", "0", "stays");
    expect(await fetchWord(`http://127.0.0.1:${await portOf("stays")}/`)).toBe("stays");
    await engine.crash();
    await engine.start();
    expect(await fetchWord(`http://127.0.0.1:${await portOf("stays")}/`)).toBe("stays");
    await engine.mustDocker("rm", "-f", "stays");
  });
});

/** Whether a program of the host may listen there. */
function isFree(hostname: string, port: number): boolean {
  try {
    Bun.listen({ hostname, port, socket: { data() {} } }).stop(true);
    return true;
  } catch {
    return false;
  }
}

describe("while the engine is down", () => {
  test("ports stay taken, those that came while the container ran too; [::1] waits for the engine", async () => {
    await engine.mustDocker(
      ...["run", "-d", "--name", "held", "-p", "80", "busybox", "sh", "-c", serve("held")],
    );
    const first = Number(await portOf("held"));
    const second = first + 1;
    const added = await engine.wharf(["update", "--publish-add", `${second}:80`, "held"]);
    expect(added.stderr).toBe("");
    await engine.crash();
    for (const port of [first, second]) {
      for (const address of ["0.0.0.0", "127.0.0.1", "::"]) {
        expect(isFree(address, port)).toBe(false);
      }
      expect(await fetchWord(`http://127.0.0.1:${port}/`)).toBe("held");
    }
    const waiting = runCommand(["curl", "-fs", "--max-time", "20", `http://[::1]:${second}/`]);
    await engine.start();
    expect((await waiting).stdout).toBe("held");
    await engine.mustWharf("update", "--publish-rm", `${first}:80`, "held");
    expect(isFree("0.0.0.0", first)).toBe(true);
    expect(await fetchWord(`http://[::1]:${second}/`)).toBe("held");
    await engine.mustDocker("restart", "-t", "0", "held");
    expect(await fetchWord(`http://[::1]:${second}/`)).toBe("held");
    await engine.mustDocker("rm", "-f", "held");
    expect(isFree("0.0.0.0", second)).toBe(true);
  });
});

describe("network modes", () => {
  test("none has loopback only, host is the host's, container:X is shared", async () => {
    expect(
      await engine.mustDocker(
        "run",
        "--rm",
        "--network",
        "none",
        "busybox",
        "ls",
        "/sys/class/net",
      ),
    ).toBe("lo");
    const hostLinks = await engine.mustDocker(
      "run",
      "--rm",
      "--network",
      "host",
      "busybox",
      "ls",
      "/sys/class/net",
    );
    expect(hostLinks).toContain(engine.bridge);
    await engine.mustDocker("run", "-d", "--name", "owner", "busybox", "sh", "-c", serve("shared"));
    await waitUntil("the shared port", async () => {
      const result = await engine.docker([
        "run",
        "--rm",
        "--network",
        "container:owner",
        "busybox",
        "wget",
        "-qO-",
        "http://127.0.0.1/",
      ]);
      return result.stdout === "shared";
    });
    await engine.mustDocker("rm", "-f", "owner");
  });

  test("hosts, hostname and resolv.conf are Docker's", async () => {
    const out = await engine.mustDocker(
      ...[
        "run",
        "--rm",
        "--hostname",
        "ship.example.org",
        "--add-host",
        "db:10.1.2.3",
        "--add-host",
        "gw:host-gateway",
      ],
      ...[
        "--dns",
        "192.0.2.1",
        "--dns-search",
        "example.org",
        "--dns-option",
        "ndots:2",
        "busybox",
      ],
      ...["sh", "-c", "cat /etc/hosts /etc/resolv.conf; hostname"],
    );
    expect(out).toMatch(/127\.0\.0\.1\s+localhost/);
    expect(out).toMatch(/10\.1\.2\.3\s+db/);
    expect(out).toMatch(/\d+\.\d+\.\d+\.1\s+gw/);
    expect(out).toMatch(/\s+ship\.example\.org ship\n/);
    expect(out).toContain("nameserver 192.0.2.1");
    expect(out).toContain("search example.org");
    expect(out).toContain("options ndots:2");
    expect(out.split("\n").at(-1)).toBe("ship.example.org");
  });
});
