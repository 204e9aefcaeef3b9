// Programs use Wharf through the SDKs: dockerode, @docker/node-sdk and python3-docker.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { PassThrough } from "node:stream";
import { join } from "node:path";
import Docker from "dockerode";
import { runCommand } from "../harness/command.ts";
import { CACHE, startEngine, type TestEngine } from "../harness/engine.ts";

let engine: TestEngine;
beforeAll(async () => {
  engine = await startEngine();
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
});

async function textOf(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

test("dockerode creates, attaches, executes, inspects and removes", async () => {
  const docker = new Docker({ socketPath: engine.socket });
  const container = await docker.createContainer({
    Image: "busybox",
    Cmd: ["sh", "-c", "read line; echo got $line; exec sleep 1000"],
    OpenStdin: true,
    StdinOnce: false,
    name: "rode",
  });
  const stream = await container.attach({
    stream: true,
    stdin: true,
    stdout: true,
    stderr: true,
    hijack: true,
  });
  const out = new PassThrough();
  container.modem.demuxStream(stream, out, out);
  await container.start();
  stream.write("a word\n");
  const [first] = (await Array.fromAsync({
    async *[Symbol.asyncIterator]() {
      for await (const chunk of out) {
        yield chunk as Uint8Array;
        return;
      }
    },
  })) as [Uint8Array];
  expect(Buffer.from(first).toString()).toBe("got a word\n");
  stream.end();

  const exec = await container.exec({
    Cmd: ["sh", "-c", "echo hello; exit 4"],
    AttachStdout: true,
    AttachStderr: true,
  });
  const execStream = await exec.start({});
  const execOut = new PassThrough();
  container.modem.demuxStream(execStream, execOut, execOut);
  execStream.on("end", () => execOut.end());
  expect(await textOf(execOut)).toBe("hello\n");
  expect((await exec.inspect()).ExitCode).toBe(4);

  expect((await container.inspect()).State.Running).toBe(true);
  const stats = await container.stats({ stream: false });
  expect(stats.pids_stats?.current).toBe(1);
  expect((await container.top()).Processes[0]?.join(" ")).toContain("sleep 1000");
  const wait = container.wait();
  await container.kill();
  expect(((await wait) as { StatusCode: number }).StatusCode).toBe(137);
  await container.remove();
  await expect(container.inspect()).rejects.toMatchObject({ statusCode: 404 });
});

test("@docker/node-sdk lists, runs, follows logs and removes", async () => {
  const result = await runCommand(["node", "test/e2e/clients/node-sdk.mjs", engine.host]);
  expect(result).toMatchObject({ exitCode: 0, stdout: "done\n" });
});

test("python3-docker runs, loads, execs and reads stats", async () => {
  const script = `
import docker, sys
client = docker.DockerClient(base_url="${engine.host}")
assert client.ping()
assert client.containers.run("busybox", ["echo", "from python"], remove=True) == b"from python\\n"
try:
    client.containers.run("busybox", ["sh", "-c", "echo bad >&2; exit 3"], remove=True)
    sys.exit("no error")
except docker.errors.ContainerError as e:
    assert e.exit_status == 3 and e.stderr == b"bad\\n", e
c = client.containers.run("busybox", ["sleep", "1000"], detach=True, name="py", ports={"80/tcp": None}, labels={"a": "b"}, mem_limit="64m")
c.reload()
assert c.status == "running" and list(c.ports) == ["80/tcp"], c.ports
code, out = c.exec_run(["sh", "-c", "echo inside; exit 2"])
assert (code, out) == (2, b"inside\\n"), (code, out)
assert client.containers.list(filters={"label": "a=b"})[0].id == c.id
assert c.stats(stream=False)["memory_stats"]["limit"] == 64 << 20
assert b"sleep" in str(c.top()).encode()
c.pause(); c.reload(); assert c.status == "paused"
c.unpause(); c.stop(timeout=0); assert c.wait()["StatusCode"] == 137
c.remove(v=True)
data = b"".join(client.images.get("busybox").save(named=True))
client.images.remove("busybox")
assert client.images.load(data)[0].tags == ["busybox:latest"]
assert client.api.import_image_from_file("${join(CACHE, "busybox.tar")}", repository="from-python", tag="1")
client.images.remove("from-python:1")
try:
    client.containers.get("nosuch")
    sys.exit("no error")
except docker.errors.NotFound as e:
    assert "No such container: nosuch" in str(e), e
print("done")
`;
  const result = await runCommand(["/usr/bin/python3", "-c", script]);
  expect(result).toMatchObject({ exitCode: 0, stdout: "done\n" });
});
