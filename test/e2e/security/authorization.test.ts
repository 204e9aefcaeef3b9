// An administrator has plugins decide who may do what at the engine's API.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startEngine, TestEngine } from "../../harness/engine.ts";
import { TestPlugin } from "../../harness/plugins/plugin.ts";
import { waitUntil } from "../../harness/wait-until.ts";

const REQUEST = "AuthZPlugin.AuthZReq";
const ANSWER = "AuthZPlugin.AuthZRes";

let folder = "";
let guard: TestPlugin;
let engine: TestEngine;

beforeAll(async () => {
  folder = mkdtempSync("/var/tmp/wharf-plugins-");
  guard = new TestPlugin("guard", folder);
  await guard.start();
  engine = await startEngine({
    flags: ["--plugin-dir", folder, "--authorization-plugin", "guard"],
  });
});
afterAll(async () => {
  guard.behave();
  await engine[Symbol.asyncDispose]();
  await guard[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => {
  guard.behave();
  guard.forgetCalls();
});

const decode = (value: unknown): string => Buffer.from(String(value), "base64").toString();

describe("an authorization plugin", () => {
  test("is told of request and answer, without credentials, and allows", async () => {
    const response = await fetch("http://wharf/v1.47/volumes/create?x=1", {
      method: "POST",
      unix: engine.socket,
      headers: {
        "Content-Type": "application/json",
        "X-Registry-Auth": "secret",
        "X-Other": "seen",
      },
      body: JSON.stringify({ Name: "shown" }),
    });
    expect(response.status).toBe(201);
    expect(((await response.json()) as { Name: string }).Name).toBe("shown");
    const [asked] = guard.calls(REQUEST);
    expect(asked?.body).toMatchObject({
      RequestMethod: "POST",
      RequestUri: "/v1.47/volumes/create?x=1",
      RequestHeaders: { "Content-Type": "application/json", "X-Other": "seen" },
    });
    expect(JSON.stringify(asked?.body)).not.toContain("secret");
    expect(decode(asked?.body["RequestBody"])).toBe('{"Name":"shown"}');
    const [answered] = guard.calls(ANSWER);
    expect(answered?.body["ResponseStatusCode"]).toBe(201);
    expect(decode(answered?.body["ResponseBody"])).toContain('"Name":"shown"');
    await engine.mustDocker("volume", "rm", "shown");
  });

  test("denies before anything is done, in docker's words", async () => {
    guard.behave(`${REQUEST} deny /containers/create no containers for you`);
    const refused = await engine.docker(["run", "--name", "no", "busybox", "true"]);
    expect(refused.exitCode).toBe(125);
    expect(refused.stderr).toContain(
      "Error response from daemon: authorization denied by plugin guard: no containers for you",
    );
    const response = await engine.api("POST", "/containers/create?name=no", { Image: "busybox" });
    expect(response.status).toBe(403);
    guard.behave();
    expect(await engine.mustDocker("ps", "-aq")).toBe("");
  });

  test("holds back an answer that it denies", async () => {
    guard.behave(`${ANSWER} deny /info not this`);
    const response = await engine.api("GET", "/info");
    expect(response.status).toBe(403);
    expect(((await response.json()) as { message: string }).message).toBe(
      "authorization denied by plugin guard: not this",
    );
  });

  test("lets streams, uploads and taken-over connections through", async () => {
    expect(await engine.mustDocker("run", "--rm", "busybox", "echo", "streamed")).toBe("streamed");
    const piped = await engine.docker(["run", "--rm", "-i", "busybox", "cat"], {
      input: "in and out",
    });
    expect(piped.stdout).toBe("in and out");
    await engine.mustDocker("run", "-d", "--name", "up", "busybox", "sleep", "100");
    guard.forgetCalls();
    expect(await engine.mustDocker("exec", "up", "echo", "from exec")).toBe("from exec");
    const start = guard
      .calls(REQUEST)
      .find(({ body }) => String(body["RequestUri"]).endsWith("/start"));
    expect(JSON.parse(decode(start?.body["RequestBody"]))).toMatchObject({ Detach: false });
    guard.behave(`${REQUEST} deny /exec/.*/start no exec`);
    // all that docker's client says of a connection that it may not take over
    expect((await engine.docker(["exec", "up", "echo", "x"])).stderr).toContain("received 403");
    expect((await engine.wharf(["exec", "up", "echo", "x"])).stderr).toContain(
      "authorization denied by plugin guard: no exec",
    );
    guard.behave();
    await engine.mustDocker("rm", "-f", "up");
  });

  test("has the context of a build sent, rather than read where it lies", async () => {
    const context = mkdtempSync(join(folder, "context-"));
    writeFileSync(join(context, "Dockerfile"), "FROM scratch\nCOPY sent /\n");
    writeFileSync(join(context, "sent"), "sent");
    const built = await engine.wharf(["build", "--progress", "plain", context]);
    expect(built.exitCode).toBe(0);
    expect(built.stderr).toMatch(/transferring context: [1-9]/);
  });

  test("is not fooled by a body that is too large to be shown", async () => {
    const body = { Name: "large", Labels: { x: "y".repeat(1024 * 1024) } };
    const response = await engine.api("POST", "/volumes/create", body);
    expect(response.status).toBe(403);
    expect(guard.calls(REQUEST)).toEqual([]);
    expect((await engine.api("GET", "/volumes/large")).status).toBe(404);
  });

  test.each([
    ["fail on strike", "plugin guard failed with error: AuthZPlugin.AuthZReq: on strike"],
    ['say {"Allow":true,"Err":"unsure"}', "plugin guard failed with error: unsure"],
    ["say {}", "authorization denied by plugin guard: "],
    ["garbage", "plugin guard failed with error: "],
    ["close", "plugin guard failed with error: "],
  ])("that answers by %s denies", async (mode, message) => {
    guard.behave(`${REQUEST} ${mode}`);
    const response = await engine.api("GET", "/volumes");
    expect([403, 500]).toContain(response.status);
    expect(((await response.json()) as { message: string }).message).toStartWith(message);
  });

  test("that is down denies", async () => {
    await guard.kill();
    const response = await engine.api("GET", "/volumes");
    expect(response.status).toBe(500);
    expect(((await response.json()) as { message: string }).message).toContain(
      'plugin guard failed with error: AuthZPlugin.AuthZReq: plugin "guard" at unix://',
    );
    await guard.start();
    expect((await engine.api("GET", "/volumes")).status).toBe(200);
  });
});

test("an engine does not begin without its plugins, and SIGHUP changes them", async () => {
  const missing = new TestEngine({
    flags: ["--plugin-dir", folder, "--authorization-plugin", "absent"],
  });
  expect(missing.start()).rejects.toThrow(
    'failed to validate authorization plugin: plugin \\"absent\\" not found',
  );
  await missing.stop();
  rmSync(missing.root, { recursive: true, force: true });

  const file = join(folder, "daemon.json");
  writeFileSync(file, "{}");
  await using other = await startEngine({
    flags: ["--plugin-dir", folder, "--config-file", file],
    images: [],
  });
  guard.behave(`${REQUEST} deny /volumes closed`);
  expect((await other.api("GET", "/volumes")).status).toBe(200);
  writeFileSync(file, JSON.stringify({ "authorization-plugins": ["guard"] }));
  process.kill(other.pid, "SIGHUP");
  await waitUntil("it denies", async () => (await other.api("GET", "/volumes")).status === 403);
  guard.behave();
  expect(await other.mustDocker("info", "-f", "{{.Plugins.Authorization}}")).toBe("[guard]");
});
