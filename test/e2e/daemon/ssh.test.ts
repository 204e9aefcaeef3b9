// A user reaches an engine on another machine through ssh. The sshd is Debian's, in a container with a port on loopback.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { runCommand } from "../../harness/command.ts";
import { DOCKER, startEngine, type TestEngine, WHARF } from "../../harness/engine.ts";
import { loadLayeredImage } from "../../harness/images/layered-image.ts";
import { openSshHost } from "../../harness/ssh-host.ts";

let here: TestEngine;

beforeAll(async () => {
  here = await startEngine({ images: ["busybox", "programs"] });
}, 240_000);
afterAll(async () => {
  await here[Symbol.asyncDispose]();
}, 60_000);

test("docker and wharf run containers through ssh:// and system dial-stdio", async () => {
  const folder = mkdtempSync("/var/tmp/wharf-ssh-");
  try {
    const host = await openSshHost(here, here.socket, folder);
    const env = { ...host.env, DOCKER_HOST: host.address };
    for (const client of [DOCKER, WHARF]) {
      const result = await runCommand([client, "run", "--rm", "-i", "busybox", "cat"], {
        env,
        input: "through ssh",
      });
      expect(result).toMatchObject({ exitCode: 0, stdout: "through ssh" });
    }
    const wrong = await runCommand([WHARF, "-H", "ssh://root@127.0.0.1:1", "version"], { env });
    expect(wrong.exitCode).toBe(1);
    expect(wrong.stderr).toContain("127.0.0.1");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("an image is pushed to another engine through ssh, and fetched from it; only what is missing goes", async () => {
  await using there = await startEngine({ images: [] });
  const folder = mkdtempSync("/var/tmp/wharf-ssh-");
  try {
    await loadLayeredImage(here, folder, "web:1", 'add("greeting")');
    const { address, env } = await openSshHost(here, there.socket, folder);
    const wharf = async (...args: readonly string[]): Promise<string> => {
      const own = { ...env, DOCKER_HOST: here.host };
      const result = await runCommand([WHARF, ...args], { env: own });
      expect(result).toMatchObject({ exitCode: 0 });
      return result.stdout;
    };
    expect(await wharf("push", "--to", address, "busybox")).toContain("Pull complete");
    const copied = await wharf("image", "copy", "web:1", address);
    expect(copied.match(/Already exists/g)).toHaveLength(1);
    expect(copied.match(/Pull complete/g)).toHaveLength(1);
    expect(await there.mustWharf("run", "--rm", "web:1", "ls", "/greeting")).toBe("/greeting");
    for (const name of ["busybox", "web:1"]) {
      const id = ["image", "inspect", "-f", "{{.Id}}", name];
      expect(await there.mustWharf(...id)).toBe(await here.mustWharf(...id));
    }

    await here.mustWharf("rmi", "web:1");
    await wharf("-H", address, "image", "copy", "-q", "web:1", here.host);
    expect(await here.mustWharf("run", "--rm", "web:1", "ls", "/greeting")).toBe("/greeting");

    const nobody = ["push", "--to", address.replace(/:\d+$/, ":1"), "busybox"];
    const refused = await runCommand([WHARF, ...nobody], {
      env: { ...env, DOCKER_HOST: here.host },
    });
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toContain("127.0.0.1");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 120_000);
