// What a client sends into a container is read from its connection by the process that writes the files: whatever the client
// does there, it is answered as ever, and nothing of it stays behind.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { RawClient } from "#http1/testing/raw-client.ts";
import { tarHeader } from "#base/tar/header.ts";
import { writeTar } from "#base/tar/writer.ts";
import { startEngine, type TestEngine } from "../../harness/engine.ts";
import { waitUntil } from "../../harness/wait-until.ts";

let engine: TestEngine;
beforeAll(async () => {
  engine = await startEngine();
  await engine.mustDocker("create", "--name", "target", "busybox");
});
afterAll(async () => await engine[Symbol.asyncDispose]());

const PING = "GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n";
const CHUNKED = "Transfer-Encoding: chunked";

async function tarOf(name: string, body: string): Promise<string> {
  const bytes = Buffer.from(body);
  const chunks: Uint8Array[] = [];
  const header = tarHeader({ name, type: "file", sizeBytes: bytes.length });
  for await (const chunk of writeTar([{ header, body: bytes }])) chunks.push(chunk);
  return Buffer.concat(chunks).toString("latin1");
}

function chunk(text: string): string {
  return `${text.length.toString(16)}\r\n${text}\r\n`;
}

/** A client whose archive is being unpacked: of `name` the beginning is there, and the rest is still to be sent. */
async function begin(name: string, field: string, firstBytes: string): Promise<RawClient> {
  const client = await RawClient.connect(engine.socket);
  const head = ["PUT /containers/target/archive?path=/tmp HTTP/1.1", "Host: x", field];
  client.send(`${[...head, "", ""].join("\r\n")}${firstBytes}`);
  await waitUntil(`${name} is begun`, async () => {
    const { status } = await engine.api("HEAD", `/containers/target/archive?path=/tmp/${name}`);
    return status === 200;
  });
  return client;
}

/** What went in, as it comes out. */
async function contentOf(name: string): Promise<string> {
  const answer = await engine.api("GET", `/containers/target/archive?path=/tmp/${name}`);
  const tar = Buffer.from(await answer.arrayBuffer());
  const end = tar.indexOf(0, 512);
  return tar.toString("latin1", 512, end);
}

function openDescriptors(): number {
  return readdirSync(`/proc/${engine.pid}/fd`).length;
}

function mountsBelow(path: string): number {
  const lines = readFileSync("/proc/self/mounts", "utf8").split("\n");
  return lines.filter((line) => line.includes(` ${path}/data/overlay2/`)).length;
}

describe("an archive from the client's own connection", () => {
  test.each([
    ["whole", (rest: string) => chunk(rest)],
    ["cut-small", (rest: string) => (rest.match(/[^]{1,100}/g) ?? []).map(chunk).join("")],
    ["extended", (rest: string) => `00${rest.length.toString(16)} ;a="b"\r\n${rest}\r\n`],
  ])("comes by chunks, %s, and the next request behind it is answered", async (name, frame) => {
    const tar = await tarOf(name, `${"x".repeat(5000)}end`);
    using client = await begin(name, CHUNKED, chunk(tar.slice(0, 3000)));
    client.send(`${frame(tar.slice(3000))}0\r\nTrailer: x\r\n\r\n${PING}`);
    const answer = await client.until((text) => text.endsWith("\r\n\r\nOK"));
    expect(answer.match(/HTTP\/1\.1 200/g)).toHaveLength(2);
    expect(answer).not.toContain("Connection: close");
    expect(await contentOf(name)).toBe(`${"x".repeat(5000)}end`);
    client.send(PING);
    await client.until((text) => text.split("\r\n\r\nOK").length === 3);
  });

  test("comes by its length, byte by byte, with the next request behind it", async () => {
    const tar = await tarOf("slow", "y".repeat(600));
    using client = await begin("slow", `Content-Length: ${tar.length}`, tar.slice(0, 900));
    client.socket.setNoDelay(true);
    for (const byte of tar.slice(900)) client.send(byte);
    client.send(PING);
    await client.until((text) => text.endsWith("\r\n\r\nOK"));
    expect(await contentOf("slow")).toBe("y".repeat(600));
  });

  test.each([
    ["no-size", "zz\r\n", "invalid byte in chunk length"],
    ["too-long", "3\r\nabcd\r\n", "malformed chunked encoding"],
    ["no-end", `1;${"x".repeat(5000)}`, "header line too long"],
    ["cut", "0\r\n\r\n", "unexpected EOF"],
    ["no-trailer", "0\r\nx\r\n\r\n", "malformed trailer"],
  ])(
    "with framing that is none (%s) is refused, and the connection ends",
    async (name, rest, why) => {
      const tar = await tarOf(name, "x".repeat(5000));
      using client = await begin(name, CHUNKED, chunk(tar.slice(0, 3000)));
      client.send(`${rest}${PING}`);
      const answer = (await client.end()).toString("latin1");
      expect(answer).toStartWith("HTTP/1.1 400 Bad Request\r\n");
      expect(answer).toContain("Connection: close\r\n");
      expect(answer).toContain(why);
      expect(answer.match(/HTTP\/1\.1/g)).toHaveLength(1);
    },
  );

  test("that is refused midway is told to a client that goes on sending", async () => {
    const first = await tarOf("good", "x".repeat(2000));
    const bad = (await tarOf("../../bad", "x")).slice(0, 512);
    using client = await begin("good", "Content-Length: 900000", first.slice(0, 1500));
    client.send(first.slice(1500, 512 + 2048) + bad + "z".repeat(600_000));
    const answer = (await client.end()).toString("latin1");
    expect(answer).toStartWith("HTTP/1.1 400 Bad Request\r\n");
    expect(answer).toContain("is outside of");
  });

  test("whose client goes, half or whole, leaves no descriptor and no mount", async () => {
    const tar = (name: string): Promise<string> => tarOf(name, "x".repeat(5000));
    // a process waits for the next copy from the first one on
    using first = await begin("first", CHUNKED, chunk(await tar("first")));
    first.send("0\r\n\r\n");
    await first.until((text) => text.startsWith("HTTP/1.1 200"));
    const before = openDescriptors();
    const leaves = {
      destroyed: (client: RawClient) => void client.socket.destroy(),
      ended: (client: RawClient) => void client.socket.end(),
      reset: (client: RawClient) => void client.socket.resetAndDestroy(),
    };
    for (const [how, leave] of Object.entries(leaves)) {
      for (const field of [CHUNKED, "Content-Length: 100000"]) {
        const name = `${how}-${field.slice(0, 7)}`;
        const beginning = (await tar(name)).slice(0, 2000);
        using client = await begin(name, field, field === CHUNKED ? chunk(beginning) : beginning);
        leave(client);
        await client.end();
      }
    }
    await waitUntil("all descriptors are closed", () => openDescriptors() <= before, 20_000);
    await waitUntil("nothing is mounted", () => mountsBelow(engine.root) === 0);
  });

  test("ends with the engine that stops, and the next engine takes another", async () => {
    const tar = await tarOf("stopped", "x".repeat(5000));
    using client = await begin("stopped", CHUNKED, chunk(tar.slice(0, 2000)));
    await engine.restart();
    await client.end();
    const next = await tarOf("after", "z".repeat(5000));
    using other = await begin("after", CHUNKED, chunk(next.slice(0, 2000)));
    other.send(`${chunk(next.slice(2000))}0\r\n\r\n`);
    await other.until((text) => text.startsWith("HTTP/1.1 200"));
    expect(await contentOf("after")).toBe("z".repeat(5000));
  });
});
