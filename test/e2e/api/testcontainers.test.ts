// A project's tests start what they need by Testcontainers, which finds the engine by DOCKER_HOST.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { GenericContainer, Network, type StartedTestContainer, Wait } from "testcontainers";
import { startEngine, type TestEngine } from "../../harness/engine.ts";
import { waitUntil } from "../../harness/wait-until.ts";

let engine: TestEngine;
let folder: string;

beforeAll(async () => {
  engine = await startEngine({ images: ["busybox", "programs"] });
  process.env["DOCKER_HOST"] = engine.host;
  process.env["TESTCONTAINERS_RYUK_DISABLED"] = "true";
  process.env["TESTCONTAINERS_REUSE_ENABLE"] = "true";
  folder = mkdtempSync(join(tmpdir(), "testcontainers-"));
}, 120_000);
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await engine[Symbol.asyncDispose]();
});

/** Reads a stream that goes on until `word` has come. */
async function readUntil(
  stream: AsyncIterable<Uint8Array | string>,
  word: string,
): Promise<string> {
  let text = "";
  for await (const chunk of stream) {
    text += chunk.toString();
    if (text.includes(word)) break;
  }
  return text;
}

/** Speaks redis' line protocol with the port that the container's was mapped to. */
async function askRedis(container: StartedTestContainer, command: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const socket = await Bun.connect({
    hostname: container.getHost(),
    port: container.getMappedPort(6379),
    socket: {
      data: (_, bytes) => resolve(bytes.toString().trim()),
      close: () => reject(new Error("redis closed the connection")),
      error: (_, error) => reject(error),
    },
  });
  socket.write(`${command}\r\n`);
  const answer = await promise;
  socket.end();
  return answer;
}

test("redis is waited for by port and log line, talked to, restarted and stopped", async () => {
  const redis = await new GenericContainer("programs")
    .withCommand(["redis-server", "--protected-mode", "no", "--save", "60 1", "--dir", "/data"])
    .withTmpFs({ "/data": "rw" })
    .withExposedPorts(6379)
    .withWaitStrategy(
      Wait.forAll([Wait.forListeningPorts(), Wait.forLogMessage(/Ready to accept connections/)]),
    )
    .withStartupTimeout(30_000)
    .start();
  expect(await askRedis(redis, "SET harbour full")).toBe("+OK");
  expect(await askRedis(redis, "PING")).toBe("+PONG");
  const first = redis.getMappedPort(6379);
  expect(first).toBeGreaterThan(1023);
  expect(redis.getFirstMappedPort()).toBe(first);

  const exec = await redis.exec(["redis-cli", "GET", "harbour"]);
  expect(exec).toMatchObject({ exitCode: 0, output: "full\n" });

  await redis.restart({ timeout: 5000 });
  expect(await askRedis(redis, "PING")).toBe("+PONG");

  const stopped = await redis.stop({ remove: true, timeout: 5000 });
  expect(await engine.mustDocker("ps", "-aq", "--no-trunc")).not.toContain(stopped.getId());
});

test("files, folders, contents and archives go in and come out", async () => {
  const file = join(folder, "file.txt");
  writeFileSync(file, "a file\n");
  const container = await new GenericContainer("busybox")
    .withCommand(["sh", "-c", "cat /etc/greeting /in/file.txt; exec sleep 1000"])
    .withCopyContentToContainer([{ content: "ahoy\n", target: "/etc/greeting", mode: 0o640 }])
    .withCopyFilesToContainer([{ source: file, target: "/in/file.txt" }])
    .withCopyDirectoriesToContainer([{ source: folder, target: "/in/folder" }])
    .withWaitStrategy(Wait.forLogMessage("a file"))
    .start();
  const cat = async (...paths: string[]) => (await container.exec(["cat", ...paths])).output;
  // there before the first instruction ran
  expect(await readUntil(await container.logs({ tail: 2 }), "a file")).toBe("ahoy\na file\n");
  expect(await cat("/etc/greeting", "/in/folder/file.txt")).toBe("ahoy\na file\n");
  expect((await container.exec(["stat", "-c", "%a", "/etc/greeting"])).output).toBe("640\n");

  await container.copyContentToContainer([{ content: "later\n", target: "/late/content" }]);
  await container.copyFilesToContainer([{ source: file, target: "/late/file" }]);
  await container.copyDirectoriesToContainer([{ source: folder, target: "/late/folder" }]);
  expect(await cat("/late/content", "/late/file", "/late/folder/file.txt")).toBe(
    "later\na file\na file\n",
  );
  const archive = (await container.copyArchiveFromContainer("/late/content")) as Readable;
  const bytes = await new Response(archive as unknown as ReadableStream).bytes();
  const [only] = [...(await new Bun.Archive(bytes).files()).values()];
  expect(await only?.text()).toBe("later\n");
  await container.stop();
});

test("logs are followed from the first line, by a consumer and on demand", async () => {
  let seen = "";
  const container = await new GenericContainer("busybox")
    .withCommand(["sh", "-c", "echo one; echo two >&2; read x </tmp/fifo || exec sleep 1000"])
    .withLogConsumer((stream) => stream.on("data", (chunk: Buffer) => (seen += chunk.toString())))
    .withWaitStrategy(Wait.forLogMessage(/^two/))
    .start();
  await waitUntil("the consumer saw both", () => Promise.resolve(/one[^]*two/.test(seen)));
  await container.exec(["sh", "-c", "echo three >/proc/1/fd/1"]);
  await waitUntil("it goes on", () => Promise.resolve(seen.includes("three")));
  expect(await readUntil(await container.logs({ tail: 1 }), "three")).toBe("three\n");
  await container.stop();
});

test("a health check is waited for; one that fails is reported", async () => {
  const build = (test: string) =>
    new GenericContainer("busybox")
      .withCommand(["sh", "-c", "touch /up; exec sleep 1000"])
      .withHealthCheck({ test: ["CMD-SHELL", test], interval: 100, retries: 2, timeout: 5000 })
      .withWaitStrategy(Wait.forHealthCheck());
  const healthy = await build("test -e /up").start();
  const status = await engine.mustDocker(
    "inspect",
    "-f",
    "{{.State.Health.Status}}",
    healthy.getId(),
  );
  expect(status).toBe("healthy");
  await healthy.stop();
  expect(build("exit 1").start()).rejects.toThrow("unhealthy");
});

test("shell, exit and HTTP waits; one that ends in time and one that does not", async () => {
  const web = await new GenericContainer("busybox")
    .withCommand([
      "sh",
      "-c",
      "mkdir /www; echo ahoy >/www/index.html; exec httpd -f -p 80 -h /www",
    ])
    .withExposedPorts(80)
    .withWaitStrategy(
      Wait.forAll([
        Wait.forHttp("/", 80).forResponsePredicate((body) => body === "ahoy\n"),
        Wait.forSuccessfulCommand("test -e /www/index.html"),
      ]),
    )
    .start();
  const address = `http://${web.getHost()}:${web.getMappedPort(80)}/`;
  expect(await (await fetch(address)).text()).toBe("ahoy\n");
  await web.stop();

  const once = await new GenericContainer("busybox")
    .withCommand(["true"])
    .withWaitStrategy(Wait.forOneShotStartup())
    .start();
  await once.stop();
  const silent = new GenericContainer("busybox")
    .withCommand(["sleep", "1000"])
    .withWaitStrategy(Wait.forLogMessage("never"))
    .withStartupTimeout(500)
    .start();
  expect(silent).rejects.toThrow('Log message "never" not received after 500ms');
});

test("a container is used again by the next run of the same tests", async () => {
  const start = () =>
    new GenericContainer("busybox").withCommand(["sleep", "1000"]).withReuse().start();
  const first = await start();
  const second = await start();
  expect(second.getId()).toBe(first.getId());
  await first.stop({ remove: false });
  const third = await start();
  expect(third.getId()).toBe(first.getId());
  expect((await third.exec("echo up")).output).toBe("up\n");
  await third.stop();
});

test("what a container is made with reaches it, and it becomes an image", async () => {
  const container = await new GenericContainer("busybox")
    .withCommand(["sleep", "1000"])
    .withName("tailored")
    .withLabels({ fleet: "north" })
    .withEnvironment({ CARGO: "tea" })
    .withUser("33:33")
    .withWorkingDir("/tmp")
    .withHostname("ship")
    .withTmpFs({ "/scratch": "rw,size=1m" })
    .withUlimits({ nofile: { soft: 64, hard: 128 } })
    .withResourcesQuota({ memory: 0.0625, cpu: 0.5 })
    .withDroppedCapabilities("ALL")
    .withAddedCapabilities("CHOWN")
    .withSecurityOpt("no-new-privileges")
    .withIpcMode("private")
    .withExtraHosts([{ host: "tower", ipAddress: "192.0.2.7" }])
    .withBindMounts([{ source: folder, target: "/bound", mode: "ro" }])
    .start();
  expect(container.getName()).toBe("/tailored");
  expect(container.getLabels()["fleet"]).toBe("north");
  const script = [
    "id -u; id -g; pwd; hostname; echo $CARGO; ulimit -n; ulimit -Hn",
    "grep -c ' /scratch .*size=1024k' /proc/mounts; grep tower /etc/hosts; grep -c ' /bound .*ro' /proc/mounts",
    "grep -E 'CapBnd|NoNewPrivs' /proc/self/status",
  ].join("; ");
  const { output } = await container.exec(["sh", "-c", script], { env: { CARGO: "coffee" } });
  expect(output.split("\n")).toEqual([
    ...["33", "33", "/tmp", "ship", "coffee", "64", "128", "1", "192.0.2.7\ttower", "1"],
    ...["CapBnd:\t0000000000000001", "NoNewPrivs:\t1", ""],
  ]);
  const format = "{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}}";
  expect(await engine.mustDocker("inspect", "-f", format, "tailored")).toBe("67108864 500000000");
  const failed = await container.exec(["sh", "-c", "echo no >&2; exit 3"], { workingDir: "/" });
  expect(failed).toMatchObject({ exitCode: 3, stderr: "no\n", stdout: "" });
  const image = await container.commit({ repo: "tailored", tag: "1", author: "me" });
  expect(await engine.mustDocker("image", "inspect", "-f", "{{.Author}}", image)).toBe("me");
  await container.stop();
});

test("containers of one network find each other by alias, and the network goes with the test", async () => {
  const network = await new Network().start();
  const redis = await new GenericContainer("programs")
    .withCommand(["redis-server", "--protected-mode", "no", "--bind", "0.0.0.0", "--save", ""])
    .withNetwork(network)
    .withNetworkAliases("cache", "store")
    .withWaitStrategy(Wait.forLogMessage(/Ready to accept connections/))
    .start();
  const client = await new GenericContainer("programs")
    .withCommand(["sleep", "1000"])
    .withNetwork(network)
    .start();
  for (const name of ["cache", "store", redis.getName().slice(1)]) {
    const answer = await client.exec(["redis-cli", "-h", name, "ping"]);
    expect(answer.output.trim()).toBe("PONG");
  }
  expect(redis.getIpAddress(network.getName())).toMatch(/^\d+\.\d+\.\d+\.\d+$/);
  await client.stop();
  await redis.stop();
  await network.stop();
  expect(await engine.mustDocker("network", "ls", "-q", "-f", `name=${network.getName()}`)).toBe(
    "",
  );
});
