import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NotFoundError, UnavailableError } from "#base/errors.ts";
import { PluginClient, PluginRefusedError, RETRY_MS } from "./client.ts";
import { PluginFinder } from "./plugin-finder.ts";

let folder = "";
let path = "";
let server: Server | undefined;
let slept: number[] = [];
let received = "";

const sleep = async (delayMs: number): Promise<void> => void slept.push(delayMs);

/** Answers each connection's first bytes with `answer`, raw. */
async function serve(answer: string | ((socket: Socket) => void)): Promise<void> {
  server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.on("data", (data) => {
      received += data.toString();
      if (typeof answer === "string") socket.end(answer);
      else answer(socket);
    });
  });
  await new Promise<void>((resolve) => void server?.listen(path, resolve));
}

function http(body: string, status = 200): string {
  return `HTTP/1.1 ${status} x\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}

async function call(timeoutMs = 5_000, retryMs = 0, signal?: AbortSignal): Promise<string> {
  const client = new PluginClient({ name: "p", address: { kind: "unix", path }, sleep });
  return await client.call("Some.Method", { A: 1 }, (answer) => answer.string("Word") ?? "", {
    timeoutMs,
    retryMs,
    ...(signal ? { signal } : {}),
  });
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "wharf-plugin-"));
  path = join(folder, "p.sock");
  slept = [];
  received = "";
});
afterEach(() => {
  server?.close();
  server = undefined;
  rmSync(folder, { recursive: true });
});

describe("PluginClient.call()", () => {
  test("posts JSON to the method and reads the answer", async () => {
    await serve(http('{"Word":"yes"}'));
    expect(await call()).toBe("yes");
    expect(received).toStartWith("POST /Some.Method HTTP/1.1\r\n");
    expect(received).toContain("application/vnd.docker.plugins.v1.2+json");
    expect(received).toEndWith('\r\n\r\n{"A":1}\n');
  });

  test.each<[string, string]>([
    [http('{"Err":"no room"}', 500), "Some.Method: no room"],
    [http("plain words\n", 404), "Some.Method: plain words"],
  ])("a refusal is in the plugin's words: %j", async (answer, message) => {
    await serve(answer);
    const refused = call();
    expect(refused).rejects.toThrow(message);
    expect(refused).rejects.toBeInstanceOf(PluginRefusedError);
  });

  test.each<[string, string]>([
    ["garbage\r\n\r\n", "gave no usable answer"],
    ["", "closed the connection before it had answered"],
    [http("<html>"), "answered what cannot be understood"],
    [http("[]"), "answered what cannot be understood"],
    [http('{"Word":7}'), "answered what cannot be understood"],
    [
      "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf",
      "closed the connection before it had answered",
    ],
  ])("of a plugin that answers %j names it", async (answer, message) => {
    await serve(answer);
    const failed = call();
    expect(failed).rejects.toThrow(`Some.Method: plugin "p" at unix://${path} ${message}`);
    expect(failed).rejects.toBeInstanceOf(UnavailableError);
  });

  test("gives up when the time is over, also in the middle of an answer", async () => {
    await serve((socket) => void socket.write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"));
    expect(call(30)).rejects.toThrow("has not answered within 0.03 seconds");
  });

  test("an abort ends it with its reason", async () => {
    const controller = new AbortController();
    await serve(() => controller.abort(new NotFoundError("never mind")));
    expect(call(5_000, 0, controller.signal)).rejects.toThrow("never mind");
  });

  test("tries again while nobody listens: 1, 2, 4 and 8 seconds apart", async () => {
    expect(call(5_000, RETRY_MS)).rejects.toThrow("is not running: its socket is gone");
    await call(5_000, RETRY_MS).catch(() => undefined);
    expect(slept.slice(-4)).toEqual([1000, 2000, 4000, 8000]);
  });
});

describe("PluginFinder", () => {
  const finder = () => new PluginFinder({ folders: [folder], sleep });

  test("get() asks for capabilities once, and refuses one without", async () => {
    await serve(http('{"Implements":["VolumeDriver"]}'));
    const plugins = finder();
    const plugin = await plugins.get("p", "VolumeDriver");
    expect(await plugins.get("p", "VolumeDriver")).toBe(plugin);
    expect(plugins.get("p", "authz")).rejects.toThrow('plugin "p" not found');
    expect(plugins.get("q", "VolumeDriver")).rejects.toThrow('plugin "q" not found');
    expect(received.match(/Plugin.Activate/g)).toHaveLength(1);
    expect(plugins.knownNames("VolumeDriver")).toEqual(["p"]);
  });

  test("list() goes on without one that does not answer", async () => {
    await serve(http("{}", 500));
    const { plugins, warnings } = await finder().list("VolumeDriver");
    expect([plugins, warnings]).toEqual([[], ["Plugin.Activate: {}"]]);
  });
});
