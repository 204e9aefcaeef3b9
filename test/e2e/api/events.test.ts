// A user's tools follow what happens by `GET /events`: each event of the reference, attribute by attribute.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { CACHE, startEngine, type TestEngine } from "../../harness/engine.ts";
import { makePluginContext, PLUGIN_CONFIG } from "../../harness/managed-plugin/context.ts";
import { sendRaw } from "../../harness/api/raw-http.ts";
import { RegistryServer } from "../../harness/registry/registry-server.ts";
import { waitUntil } from "../../harness/wait-until.ts";

interface ReferenceEvent {
  readonly type: string;
  readonly action: string;
  readonly scope: string;
  readonly actorId: string;
  readonly attributes: readonly string[];
  /** What stands for `%s` in the action. */
  readonly actionArg?: string;
  readonly labelsNote?: string;
}

interface SeenEvent {
  readonly Type: string;
  readonly Action: string;
  readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> };
  readonly scope: string;
  readonly time: number;
  readonly timeNano: number;
}

const REFERENCE = JSON.parse(readFileSync("test/reference/events.json", "utf8")) as {
  readonly events: readonly ReferenceEvent[];
};

/** Why an event of the reference is not provoked here. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  "container copy": "only daemons on Windows have it",
  "container checkpoint": "checkpoint.test.ts has it, where criu works",
};

/** How values look; those not named are not empty. */
const VALUES: Readonly<Record<string, RegExp>> = {
  execDuration: /^\d+$/,
  exitCode: /^\d+$/,
  height: /^\d+$/,
  width: /^\d+$/,
  signal: /^\d+$/,
  reclaimed: /^\d+$/,
  oldName: /^\/./,
  "read/write": /^(true|false)$/,
  container: /^[0-9a-f]{64}$/,
  execID: /^[0-9a-f]{64}$/,
  imageID: /^sha256:[0-9a-f]{64}$/,
  propagation: /^$/,
  "default-cgroupns-mode": /^/,
};

const LABELS = { tier: "front", empty: "" };
const SLEEP = { Image: "busybox", Cmd: ["sleep", "1000"], Labels: LABELS };

let engine: TestEngine;
let folder = "";
const seen: SeenEvent[] = [];
const following = new AbortController();

/** @returns The answer's body: JSON where it is, else text. */
async function call<T = unknown>(method: string, path: string, body?: unknown): Promise<T> {
  const answer = await engine.api(method, path, body);
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
  return (text.startsWith("{") ? JSON.parse(text) : text) as T;
}

async function create(name: string, body: object): Promise<string> {
  return (await call<{ Id: string }>("POST", `/containers/create?name=${name}`, body)).Id;
}

function find(type: string, action: string): SeenEvent[] {
  const [word = ""] = action.split(": %s");
  return seen.filter(
    (one) =>
      one.Type === type && (action === word ? one.Action === word : one.Action.startsWith(word)),
  );
}

async function follow(): Promise<void> {
  const answer = await fetch("http://wharf/events", {
    unix: engine.socket,
    signal: following.signal,
  });
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of answer.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    const lines = text.split("\n");
    text = lines.pop() ?? "";
    for (const line of lines) seen.push(JSON.parse(line) as SeenEvent);
  }
}

/** Takes over a connection and types the detach keys. */
async function detach(path: string, body: string): Promise<void> {
  const head =
    `POST ${path} HTTP/1.1\r\nHost: wharf\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n` +
    `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
  const bytes = Buffer.from(`${head}${body}\x10\x11`);
  await sendRaw(engine.socket, bytes, { lingerMs: 10_000, timeoutMs: 10_000 });
}

beforeAll(async () => {
  engine = await startEngine();
  folder = mkdtempSync("/var/tmp/wharf-events-");
  void follow().catch((error: unknown) => {
    if (!following.signal.aborted) throw error;
  });
  await waitUntil("events are followed", async () => {
    await call("POST", "/volumes/create", { Name: "seen" });
    await call("DELETE", "/volumes/seen");
    return find("volume", "destroy").length > 0;
  });
  await actOnContainers();
  await actOnHealthAndMemory();
  await actOnThings();
  await call("POST", "/volumes/create", { Name: "the-end" });
  await waitUntil("the last event", () => seen.some((one) => one.Actor.ID === "the-end"));
  following.abort();
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await engine[Symbol.asyncDispose]();
});

async function actOnContainers(): Promise<void> {
  const volume = { Type: "volume", Source: "kept", Target: "/data" };
  const hostConfig = { Mounts: [volume], NetworkMode: "bridge" };
  await create("web", { ...SLEEP, Tty: true, OpenStdin: true, HostConfig: hostConfig });
  await call("POST", "/containers/web/start");
  await call("POST", "/containers/web/resize?h=10&w=40");
  await detach("/containers/web/attach?stream=1&stdin=1&stdout=1", "");
  const exec = { Cmd: ["cat"], AttachStdin: true, AttachStdout: true, Tty: true };
  const left = (await call<{ Id: string }>("POST", "/containers/web/exec", exec)).Id;
  await detach(`/exec/${left}/start`, JSON.stringify({ Tty: true }));
  await engine.mustDocker("exec", "web", "true");
  await call("GET", "/containers/web/top");
  await call("POST", "/containers/web/pause");
  await call("POST", "/containers/web/unpause");
  await call("POST", "/containers/web/update", { RestartPolicy: { Name: "no" } });
  await call("POST", "/containers/web/rename?name=site");
  await engine.mustDocker("cp", "site:/bin/sh", join(folder, "sh"));
  await engine.mustDocker("cp", join(folder, "sh"), "site:/tmp/sh");
  await (await engine.api("GET", "/containers/site/export")).arrayBuffer();
  await call("POST", "/commit?container=site&repo=made&tag=1&comment=why", {});
  await call("POST", "/containers/site/kill?signal=SIGCONT");
  await call("POST", "/containers/site/restart?t=0");
  await call("POST", "/containers/site/stop?t=0");
  await call("POST", "/containers/site/start");
  await call("DELETE", "/containers/site?force=1");
  await call("POST", "/containers/prune");
}

async function actOnHealthAndMemory(): Promise<void> {
  const Healthcheck = { Test: ["CMD", "true"], Interval: 1_000_000_000 };
  const network = { HostConfig: { NetworkMode: "none" } };
  await create("well", { ...SLEEP, ...network, Healthcheck });
  await call("POST", "/containers/well/start");
  const Memory = 8 * 1024 * 1024;
  const Cmd = ["sh", "-c", 'x=$(yes | head -c 30000000); echo "${#x}"'];
  await create("hungry", {
    ...SLEEP,
    Cmd,
    HostConfig: { NetworkMode: "none", Memory, MemorySwap: Memory },
  });
  await call("POST", "/containers/hungry/start");
  await waitUntil("the kernel killed it", () => find("container", "oom").length > 0, 30_000);
  await waitUntil(
    "it is healthy",
    () => seen.some((one) => one.Action === "health_status: healthy"),
    30_000,
  );
  for (const name of ["well", "hungry"]) await call("DELETE", `/containers/${name}?force=1`);
}

async function actOnThings(): Promise<void> {
  await call("POST", "/images/busybox/tag?repo=other&tag=1");
  await call("DELETE", "/images/other:1");
  const archive = join(folder, "saved.tar");
  await engine.mustDocker("save", "-o", archive, "busybox");
  await engine.mustDocker("load", "-i", archive);
  const root = join(CACHE, "busybox.tar");
  await engine.mustDocker("import", "-c", "LABEL tier=front", root, "brought:1");
  await call("DELETE", "/images/brought:1");
  await call("POST", "/images/prune");
  await call("POST", "/build/prune");
  await call("POST", "/volumes/prune");
  await call("POST", "/networks/create", { Name: "mine", Labels: LABELS });
  await call("POST", "/networks/prune");
  await call("POST", "/networks/create", { Name: "own" });
  await call("DELETE", "/networks/own");
  const context = makePluginContext(folder, "keeper", PLUGIN_CONFIG);
  await engine.mustDocker("plugin", "create", "keeper:1", context);
  await engine.mustDocker("plugin", "enable", "keeper:1");
  await engine.mustDocker("plugin", "disable", "keeper:1");
  await engine.mustDocker("plugin", "rm", "keeper:1");
  await actOnRegistry(context);
  process.kill(engine.pid, "SIGHUP");
  await waitUntil("the engine read its settings", () => find("daemon", "reload").length > 0);
}

/** An image and a plugin go to a registry and come back. */
async function actOnRegistry(context: string): Promise<void> {
  await using registry = await RegistryServer.open({ flags: ["--auth", "none"] });
  const image = `${registry.host}/seen/image:1`;
  await engine.mustWharf("tag", "busybox", image);
  await engine.mustWharf("push", "-q", image);
  await engine.mustWharf("pull", "-q", image);
  const plugin = `${registry.host}/seen/plugin:1`;
  await engine.mustWharf("plugin", "create", plugin, context);
  await engine.mustWharf("plugin", "push", plugin);
  await engine.mustWharf("plugin", "rm", plugin);
  const grant = "--grant-all-permissions";
  await engine.mustWharf("plugin", "install", grant, "--disable", plugin);
  await engine.mustWharf("plugin", "rm", plugin);
}

/** Names of the attributes that an event is to have, sorted. */
function namesOf(entry: ReferenceEvent, event: SeenEvent): string[] {
  const names = entry.attributes.filter((name) => !name.startsWith("("));
  const mayHaveLabels = names.length < entry.attributes.length;
  const own = event.Actor.Attributes;
  const isLabelled =
    mayHaveLabels && (entry.type === "container" || (own["tier"] ?? "") === LABELS.tier);
  // an import's only label is `tier`; a commit has both of its container
  const labels = isLabelled ? Object.keys(LABELS).filter((name) => name in own) : [];
  if (entry.type === "container" && isLabelled) expect(own).toMatchObject(LABELS);
  return [...names, ...labels].toSorted();
}

const provoked = REFERENCE.events.filter(
  ({ scope, type, action }) => scope === "local" && !ELSEWHERE[`${type} ${action}`],
);

describe("GET /events tells", () => {
  for (const entry of provoked) {
    test(`${entry.type} ${entry.action}, with the attributes of the reference`, () => {
      const found = find(entry.type, entry.action);
      expect(found.length).toBeGreaterThan(0);
      for (const event of found) {
        const { ID, Attributes } = event.Actor;
        expect(event.scope).toBe("local");
        expect(Math.floor(event.timeNano / 1e9)).toBe(event.time);
        expect(Object.keys(Attributes).toSorted()).toEqual(namesOf(entry, event));
        for (const name of entry.attributes.filter((one) => !one.startsWith("("))) {
          const isComment = name === "comment" || name === "imageRef";
          expect([name, Attributes[name]]).toEqual([
            name,
            expect.stringMatching(VALUES[name] ?? (isComment ? /^/ : /./)),
          ]);
        }
        if (entry.actorId === "(empty)") expect(ID).toBe("");
        else if (entry.actorId.endsWith("image id")) expect(ID).toMatch(/^sha256:[0-9a-f]{64}$/);
        else if (/^(container|network|plugin) id$/.test(entry.actorId))
          expect(ID).toMatch(/^[0-9a-f]{64}$/);
        else expect(ID).not.toBe("");
        if (entry.actionArg !== undefined) expect(event.Action).toMatch(/^\w+: \S/);
      }
    });
  }
});

test("stop, restart and rm -f tell their steps in the reference's order", () => {
  const site = find("container", "rename")[0]?.Actor.ID ?? "";
  const own = seen.filter(
    (one) => one.Actor.ID === site || one.Actor.Attributes["container"] === site,
  );
  const words = own.map((one) => `${one.Type} ${one.Action}`);
  const from = words.lastIndexOf("container commit");
  expect(words.slice(from + 1).filter((word) => !/unpause|volume|exec_/.test(word))).toEqual([
    "container kill", // SIGCONT
    ...["container kill", "container kill", "network disconnect", "container die"],
    "container stop",
    ...["network connect", "container start", "container restart"],
    ...["container kill", "container kill", "network disconnect", "container die"],
    "container stop",
    ...["network connect", "container start"],
    ...["container kill", "network disconnect", "container die", "container destroy"],
  ]);
  const start = words.indexOf("container create");
  expect(words.slice(start, start + 4)).toEqual([
    "container create",
    "volume mount",
    "network connect",
    "container start",
  ]);
});

test("the event of a new image is for clients since API 1.46", async () => {
  const until = (Date.now() / 1000).toFixed(3);
  const filters = encodeURIComponent(JSON.stringify({ type: ["image"], event: ["create"] }));
  const query = `events?since=1&until=${until}&filters=${filters}`;
  expect(await call("GET", `/v1.45/${query}`)).toBe("");
  expect(await call<object>("GET", `/v1.46/${query}`)).toMatchObject({ Action: "create" });
});
