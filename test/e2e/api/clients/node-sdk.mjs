// Run by Node: the SDK sends its requests with undici's dispatchers, which Bun's fetch passes over.
import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { DockerClient } from "@docker/node-sdk";

const docker = await DockerClient.fromDockerHost(process.argv[2]);
assert.equal((await docker.systemInfo()).OSType, "linux");
const images = await docker.imageList();
assert.ok(images.some((image) => image.RepoTags?.includes("busybox:latest")));

const { Id } = await docker.containerCreate(
  { Image: "busybox", Cmd: ["sh", "-c", "echo from the sdk; exit 5"], Labels: { sdk: "node" } },
  { name: "sdk" },
);
await docker.containerStart(Id);
assert.equal((await docker.containerWait(Id)).StatusCode, 5);

const out = new PassThrough();
const text = new Promise((resolve) => out.once("data", (chunk) => resolve(chunk.toString())));
await docker.containerLogs(Id, out, new PassThrough(), { stdout: true, stderr: true });
assert.equal(await text, "from the sdk\n");

const listed = await docker.containerList({ all: true });
assert.deepEqual(listed.map((container) => container.Names), [["/sdk"]]);
await docker.containerDelete(Id);
assert.deepEqual(await docker.containerList({ all: true }), []);

const kept = await docker.containerCreate(
  { Image: "busybox", Cmd: ["sleep", "1000"], Healthcheck: { Test: ["CMD", "true"], Interval: 1e8 } },
  { name: "kept" },
);
await docker.containerStart(kept.Id);
let state = await docker.containerInspect(kept.Id);
for (const end = Date.now() + 20_000; state.State.Health.Status !== "healthy"; ) {
  assert.ok(Date.now() < end, JSON.stringify(state.State));
  state = await docker.containerInspect(kept.Id);
}
const committed = await docker.imageCommit("kept", { repo: "kept", tag: "1", comment: "sdk" });
assert.equal((await docker.imageInspect("kept:1")).Id, committed.Id);
assert.equal((await docker.systemDataUsage()).ContainerUsage.TotalCount, 1);
await docker.containerStop(kept.Id, { timeout: 0 });
assert.deepEqual((await docker.containerPrune()).ContainersDeleted, [kept.Id]);
await docker.imageDelete("kept:1");
await docker.close();
console.log("done");
