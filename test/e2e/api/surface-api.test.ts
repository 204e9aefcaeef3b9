// The parameters of the API that no command sends, each with what it changes.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { startEngine, type TestEngine } from "../../harness/engine.ts";
import { waitUntil } from "../../harness/wait-until.ts";

let engine: TestEngine;
beforeAll(async () => {
  engine = await startEngine();
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
});

async function json<T>(method: string, path: string, body?: unknown): Promise<T> {
  const response = await engine.api(method, path, body);
  if (!response.ok) throw new Error(`${method} ${path}: ${await response.text()}`);
  return (await response.json()) as T;
}

test("a page in a browser attaches by WebSocket: past output, input, keys to leave by", async () => {
  const shell = ["sh", "-c", "echo before; while read x; do echo got $x; done"];
  await engine.mustDocker("run", "-dit", "--name", "ws", "busybox", ...shell);
  await waitUntil("it is up", async () =>
    (await engine.mustDocker("logs", "ws")).includes("before"),
  );
  const query = "logs=1&stream=1&stdin=1&stdout=1&stderr=1&detachKeys=ctrl-x,x";
  let text = "";
  const socket = new WebSocket(
    `ws+unix://${engine.socket}:/v1.44/containers/ws/attach/ws?${query}`,
  );
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  socket.binaryType = "arraybuffer";
  socket.addEventListener("message", ({ data }) => {
    text += typeof data === "string" ? data : Buffer.from(data as ArrayBuffer).toString();
  });
  socket.addEventListener("close", () => resolve());
  await waitUntil("the log came", () => Promise.resolve(text.includes("before")));
  socket.send("word\n");
  await waitUntil("it answered", () => Promise.resolve(text.includes("got word")));
  socket.send("\u0018x");
  await closed;
  expect(await engine.mustDocker("inspect", "-f", "{{.State.Running}}", "ws")).toBe("true");
});

test("attach sends what was logged when asked by logs=1", async () => {
  await engine.mustDocker("run", "--name", "said", "busybox", "echo", "long ago");
  const attach = async (query: string) =>
    await (await engine.api("POST", `/containers/said/attach?${query}`)).text();
  expect(await attach("logs=1&stdout=1")).toContain("long ago\n");
  expect(await attach("logs=1&stderr=1")).not.toContain("long ago");
});

test("start takes keys to leave by, which only attach uses", async () => {
  await engine.mustDocker("create", "--name", "keys", "busybox", "true");
  const start = async (keys: string) =>
    await engine.api("POST", `/containers/keys/start?detachKeys=${keys}`);
  expect((await start("ctrl-x,x")).status).toBe(204);
});

test("images show what they share, their digests and their manifests", async () => {
  type Row = { readonly SharedSize: number; readonly RepoTags: readonly string[] };
  await engine.mustDocker("commit", "-c", "LABEL a=b", "said", "child:1");
  const plain = await json<Row[]>("GET", "/images/json?digests=1");
  expect(plain.map((row) => row.SharedSize)).toEqual([-1, -1]);
  const shared = await json<Row[]>("GET", "/images/json?shared-size=1");
  expect(shared.every((row) => row.SharedSize > 1_000_000)).toBe(true);
  const one = await json<{ Manifests: { Available: boolean; Kind: string }[] }>(
    "GET",
    "/images/child:1/json?manifests=1",
  );
  expect(one.Manifests).toMatchObject([{ Available: true, Kind: "image" }]);
});

test("stats of one moment come at once, without the moment before", async () => {
  type Stats = { readonly precpu_stats: { readonly cpu_usage: { readonly total_usage: number } } };
  const path = "/containers/ws/stats?stream=0";
  const first = await json<Stats>("GET", `${path}&one-shot=1`);
  expect(first.precpu_stats.cpu_usage.total_usage).toBe(0);
  expect((await json<Stats>("GET", path)).precpu_stats.cpu_usage.total_usage).toBeGreaterThan(0);
});

test("changing a volume is for those of a cluster", async () => {
  await engine.mustDocker("volume", "create", "own");
  const answer = await engine.api("PUT", "/volumes/own?version=0", { Spec: {} });
  expect(answer.status).toBe(503);
  expect(((await answer.json()) as { message: string }).message).toMatch(/swarm|cluster/);
});
