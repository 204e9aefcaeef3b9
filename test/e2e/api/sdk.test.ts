// Programs use Wharf through the SDKs: dockerode, @docker/node-sdk and python3-docker.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { PassThrough } from "node:stream";
import { join } from "node:path";
import Docker from "dockerode";
import { runCommand } from "../../harness/command.ts";
import { CACHE, startEngine, type TestEngine } from "../../harness/engine.ts";
import { waitUntil } from "../../harness/wait-until.ts";

let engine: TestEngine;
beforeAll(async () => {
  engine = await startEngine();
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
});

async function textOf(stream: AsyncIterable<Uint8Array | string>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk));
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

test("dockerode copies files, shows changes, commits, updates, sums up and prunes", async () => {
  const docker = new Docker({ socketPath: engine.socket });
  const container = await docker.createContainer({
    Image: "busybox",
    Cmd: ["sleep", "1000"],
    Labels: { sdk: "rode" },
    Healthcheck: { Test: ["CMD", "true"], Interval: 100_000_000 },
    name: "wide",
  });
  await container.start();
  const archive = await new Bun.Archive({ "note.txt": "a note\n" }).bytes();
  await container.putArchive(Buffer.from(archive), { path: "/tmp" });
  const out = await container.getArchive({ path: "/tmp/note.txt" });
  const files = await new Bun.Archive(await new Response(await textOf(out)).bytes()).files();
  expect(await files.get("note.txt")?.text()).toBe("a note\n");
  expect(await container.changes()).toContainEqual({ Kind: 1, Path: "/tmp/note.txt" });
  const exported = await textOf(await container.export());
  expect(exported).toContain("a note\n");
  await container.update({ Memory: 96 << 20, MemorySwap: -1, RestartPolicy: { Name: "always" } });
  await waitUntil("it is healthy", async () => {
    const { State, HostConfig } = await container.inspect();
    return State.Health?.Status === "healthy" && HostConfig.Memory === 96 << 20;
  });
  const image = (await container.commit({ repo: "wide", tag: "1", author: "rode" })) as {
    Id: string;
  };
  expect((await docker.getImage("wide:1").inspect()).Id).toBe(image.Id);
  type Usage = Readonly<Record<"ImageUsage" | "ContainerUsage", { readonly TotalCount: number }>>;
  const { ImageUsage, ContainerUsage } = (await docker.df()) as Usage;
  expect([ImageUsage.TotalCount, ContainerUsage.TotalCount]).toEqual([2, 1]);
  const filters = { label: ["sdk=rode"] };
  await container.stop({ t: 0 });
  const pruned = await docker.pruneContainers({ filters });
  expect(pruned.ContainersDeleted).toEqual([container.id]);
  await docker.getImage("wide:1").remove();
});

test("@docker/node-sdk lists, runs, follows logs and removes", async () => {
  const result = await runCommand(["node", "test/e2e/api/clients/node-sdk.mjs", engine.host]);
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
c = client.containers.run("busybox", ["sleep", "1000"], detach=True, name="wide", healthcheck={"test": ["CMD", "true"], "interval": 10**8})
import io, tarfile, time
buffer = io.BytesIO()
with tarfile.open(fileobj=buffer, mode="w") as tar:
    member = tarfile.TarInfo("note.txt"); member.size = 7
    tar.addfile(member, io.BytesIO(b"a note\\n"))
assert c.put_archive("/tmp", buffer.getvalue())
chunks, stat = c.get_archive("/tmp/note.txt")
assert stat["size"] == 7 and b"a note\\n" in b"".join(chunks)
assert {"Kind": 1, "Path": "/tmp/note.txt"} in c.diff()
c.update(mem_limit="96m", memswap_limit=-1)
c.reload()
deadline = time.time() + 20
while c.attrs["State"]["Health"]["Status"] != "healthy":
    assert time.time() < deadline, c.attrs["State"]
    c.reload()
assert c.attrs["HostConfig"]["Memory"] == 96 << 20
image = c.commit(repository="wide", tag="2", author="py")
assert image.tags == ["wide:2"] and image.attrs["Author"] == "py"
assert client.df()["ContainerUsage"]["TotalCount"] == 1
c.stop(timeout=0)
assert client.containers.prune()["ContainersDeleted"] == [c.id]
client.images.remove("wide:2")
v = client.volumes.create("pyvol", labels={"a": "b"})
assert v.name in client.volumes.prune(filters={"all": True, "label": "a=b"})["VolumesDeleted"]
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
