import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { startEngine, type TestEngine } from "../../harness/engine.ts";
import { loadLayeredImage } from "../../harness/images/layered-image.ts";

// The user's story: an image goes from one engine to another without a registry between them.

let here: TestEngine;
let there: TestEngine;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync("/var/tmp/wharf-copy-");
  [here, there] = await Promise.all([startEngine(), startEngine({ images: [] })]);
  await loadLayeredImage(here, folder, "web:1", 'add("greeting")');
});
afterAll(async () => {
  await Promise.all([here[Symbol.asyncDispose](), there[Symbol.asyncDispose]()]);
  rmSync(folder, { recursive: true, force: true });
}, 240_000);

function idOf(engine: TestEngine, name: string): Promise<string> {
  return engine.mustWharf("image", "inspect", "-f", "{{.Id}}", name);
}

describe("wharf image copy", () => {
  test("brings an image, its name and nothing but what is missing", async () => {
    const first = await here.mustWharf("image", "copy", "busybox", there.host);
    expect(first).toContain("Pull complete");
    expect(first).toEndWith(`Copied busybox to ${there.host}`);
    expect(await idOf(there, "busybox:latest")).toBe(await idOf(here, "busybox:latest"));

    const second = await here.mustWharf("image", "copy", "web:1", there.host);
    expect(second.match(/Already exists/g)).toHaveLength(1);
    expect(second.match(/Pull complete/g)).toHaveLength(1);
    expect(await there.mustWharf("run", "--rm", "web:1", "ls", "/greeting")).toBe("/greeting");

    const third = await here.mustWharf("image", "copy", "-q", "web:1", there.host);
    expect(third).toBe("web:1");
  });

  test("an image without a name comes without one", async () => {
    await there.mustWharf("rmi", "web:1");
    const id = await idOf(here, "web:1");
    await here.mustWharf("push", "--to", there.host, id);
    expect(await there.mustWharf("images", "-q", "--no-trunc", "--filter", "dangling=true")).toBe(
      id,
    );
  });

  test("several go at once to what a context names", async () => {
    const host = `host=${there.host}`;
    await here.mustWharf("context", "create", "there", "--docker", host);
    await here.mustWharf("image", "copy", "-q", "busybox", "web:1", "there");
    expect(await idOf(there, "web:1")).toBe(await idOf(here, "web:1"));
  });

  test("a prune beside it takes nothing of it away", async () => {
    await there.mustWharf("rmi", "-f", "web:1", "busybox");
    let isDone = false;
    const copying = here.mustWharf("image", "copy", "web:1", there.host).finally(() => {
      isDone = true;
    });
    while (!isDone) await there.mustWharf("image", "prune", "-f");
    await copying;
    expect(await there.mustWharf("run", "--rm", "web:1", "ls", "/greeting")).toBe("/greeting");
  });

  test.each([
    [["image", "copy", "nothing:1", "unix:///nowhere.sock"], "No such image: nothing:1"],
    [["image", "copy", "web:1", "unix:///nowhere.sock"], "unix:///nowhere.sock"],
    [["image", "copy", "web:1", "no-such-context"], "no-such-context"],
    [["push", "ssh://host"], 'use "wharf push --to ssh://host IMAGE"'],
    [["push", "--to", "ssh://host", "-a", "web"], "--to copies one image"],
  ])("%p is refused by name", async (words, message) => {
    const { exitCode, stderr } = await here.wharf(words);
    expect(exitCode).not.toBe(0);
    expect(stderr).toContain(message);
  });
});
