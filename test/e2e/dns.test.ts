// Containers of one network find each other by name, with the resolvers of musl-like busybox and of glibc.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { startEngine, type TestEngine } from "../harness/engine.ts";

let engine: TestEngine;
beforeAll(async () => {
  engine = await startEngine();
});
afterAll(() => engine[Symbol.asyncDispose]());

const docker = (...args: string[]) => engine.mustDocker(...args);
const run = (name: string, ...args: string[]) =>
  docker("run", "-d", "--name", name, ...args, "busybox", "sleep", "1000");
const nslookup = async (container: string, ...words: string[]) => {
  const { stdout } = await engine.docker(["exec", container, "nslookup", ...words]);
  return stdout;
};

test("two containers find each other by name, alias and id", async () => {
  await docker("network", "create", "front");
  const id = await run("one", "--network", "front", "--network-alias", "eins");
  await run("two", "--network", "front");
  const address = await docker(
    ...["inspect", "-f", "{{.NetworkSettings.Networks.front.IPAddress}}", "one"],
  );
  for (const name of ["one", "eins", "ONE", id.slice(0, 12), "one.front"]) {
    expect(await nslookup("two", name)).toContain(`Address: ${address}\n`);
  }
  expect(await nslookup("two", address)).toContain("name = one.front");
});
