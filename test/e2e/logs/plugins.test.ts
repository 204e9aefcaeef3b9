// A user sends logs to a driver that is a plugin.
import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { TestEngine } from "../../harness/engine.ts";
import type { TestPlugin } from "../../harness/plugins/plugin.ts";
import { PluginEngine } from "../../harness/plugins/plugin-engine.ts";
import { waitUntil } from "../../harness/wait-until.ts";

let beside: PluginEngine;
let plugin: TestPlugin;
let engine: TestEngine;

beforeAll(async () => {
  beside = await PluginEngine.start();
  ({ plugin, engine } = beside);
});
afterAll(async () => {
  await beside[Symbol.asyncDispose]();
});
beforeEach(() => {
  plugin.behave();
  plugin.forgetCalls();
});

/** What the plugin was given of a container, as text. */
function received(id: string): string {
  const file = join(plugin.folder, "logs", id);
  return existsSync(file) ? readFileSync(file, "latin1") : "";
}

const run = (...args: string[]) =>
  engine.mustDocker("run", "-d", "--log-driver", "keeper", ...args);

test("entries reach it with what is to be known of the container, and `logs` reads the copy", async () => {
  const id = await run(
    "--name",
    "one",
    "--log-opt",
    "any=thing",
    "-e",
    "A=b",
    "busybox",
    "sh",
    "-c",
    "echo out; echo err >&2",
  );
  await engine.mustDocker("wait", "one");
  await waitUntil(
    "both lines came",
    () => received(id).includes("err") && received(id).includes("out"),
  );
  await waitUntil("it is told the end", () => plugin.calls("LogDriver.StopLogging").length > 0);
  const [start] = plugin.calls("LogDriver.StartLogging");
  expect(start?.body["Info"]).toMatchObject({
    Config: { any: "thing" },
    ContainerID: id,
    ContainerName: "/one",
    ContainerEntrypoint: "sh",
    ContainerImageName: "busybox",
  });
  expect(plugin.calls("LogDriver.StopLogging")[0]?.body["File"]).toBe(start?.body["File"]);
  const logs = await engine.docker(["logs", "one"]);
  expect([logs.stdout, logs.stderr]).toEqual(["out\n", "err\n"]);
  expect(existsSync(String(start?.body["File"]))).toBe(false);
  await engine.mustDocker("rm", "one");
});

test("without a copy it is asked for the log", async () => {
  await run("--name", "two", "--log-opt", "cache-disabled=true", "busybox", "echo", "kept there");
  await engine.mustDocker("wait", "two");
  await waitUntil("it is told the end", () => plugin.calls("LogDriver.StopLogging").length > 0);
  expect(await engine.mustDocker("logs", "two")).toBe("kept there");
  expect(plugin.calls("LogDriver.ReadLogs")[0]?.body["Config"]).toEqual({
    Tail: -1,
    Follow: false,
  });
  await engine.mustDocker("rm", "two");
});

test("its death holds nothing up, and it gets the rest when it is back", async () => {
  const id = await run(
    "--name",
    "three",
    "busybox",
    "sh",
    "-c",
    "echo before; while [ ! -e /go ]; do sleep 0.1; done; echo after; sleep 100",
  );
  await waitUntil("the first line came", () => received(id).includes("before"));
  await plugin.kill();
  await engine.mustDocker("exec", "three", "touch", "/go");
  await waitUntil("the copy has it", async () =>
    (await engine.mustDocker("logs", "three")).includes("after"),
  );
  await plugin.start();
  await waitUntil("the other line came", () => received(id).includes("after"), 30_000);
  await engine.mustDocker("rm", "-f", "three");
});

test("one that refuses or is no log driver keeps the container from starting, by name", async () => {
  plugin.behave("LogDriver.StartLogging refuse no paper");
  const refused = await engine.docker([
    "run",
    "--log-driver",
    "keeper",
    "--name",
    "four",
    "busybox",
    "true",
  ]);
  expect(refused.exitCode).toBe(125);
  expect(refused.stderr).toContain(
    "failed to initialize logging driver: error creating logger: no paper",
  );
  await engine.mustDocker("rm", "-f", "four");
  const absent = await engine.docker(["run", "--rm", "--log-driver", "absent", "busybox", "true"]);
  expect(absent.stderr).toContain("logger: no log driver named 'absent' is registered");
});
