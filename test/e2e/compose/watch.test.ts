// A developer changes files, and the running application follows.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { recordCommand } from "../../harness/api/surface.ts";
import { startEngine, type TestEngine, WHARF } from "../../harness/engine.ts";
import { TerminalSession } from "../../harness/terminal.ts";
import { waitUntil } from "../../harness/wait-until.ts";

let engine: TestEngine;
let folder: string;
beforeAll(async () => {
  engine = await startEngine();
  folder = mkdtempSync("/var/tmp/wharf-compose-");
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await engine[Symbol.asyncDispose]();
});

function write(path: string, name: string, text: string): void {
  mkdirSync(join(path, name, ".."), { recursive: true });
  writeFileSync(join(path, name), text);
}

/** A compose command that goes on; what it prints is gathered. */
class Running implements AsyncDisposable {
  readonly #child: Bun.Subprocess<"ignore", "pipe", "pipe">;
  #text = "";

  constructor(path: string, ...args: readonly string[]) {
    const argv = [WHARF, "compose", "--project-directory", path, ...args];
    recordCommand(argv);
    this.#child = Bun.spawn(argv, {
      env: { ...process.env, ...engine.environment() },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) void this.#gather(stream);
  }

  async #gather(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of stream) this.#text += decoder.decode(chunk, { stream: true });
  }

  /** Waits for it, and forgets all up to it. */
  async said(text: string): Promise<void> {
    try {
      await waitUntil(`"${text}" is said`, () => this.#text.includes(text), 20_000);
    } catch (error) {
      throw new Error(`${String(error)}; it said: ${this.#text}`);
    }
    this.#text = this.#text.slice(this.#text.indexOf(text) + text.length);
  }

  async interrupt(): Promise<number> {
    this.#child.kill("SIGINT");
    return await this.#child.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.exited;
  }
}

const inWeb = async (project: string, ...words: readonly string[]): Promise<string> =>
  (await engine.docker(["exec", `${project}-web-1`, ...words])).stdout;

describe("wharf compose watch", () => {
  test("copies, removes, restarts, runs and builds as the file says", async () => {
    const path = join(folder, "follow");
    write(path, "src/a", "1");
    write(path, "src/left.tmp", "1");
    write(path, "conf/c", "1");
    write(path, "made/m", "1");
    write(path, "hooked/h", "1");
    write(path, ".dockerignore", "**/*.log\n");
    write(
      path,
      "compose.yaml",
      `services:
  web:
    build: {context: ., dockerfile_inline: "FROM busybox\\nCOPY made /made\\nCMD sleep 1000"}
    init: true
    stop_grace_period: 1s
    develop:
      watch:
        - {path: ./src, action: sync, target: /app, ignore: ["*.tmp"], initial_sync: true}
        - {path: ./conf, action: sync+restart, target: /conf, include: ["c*"]}
        - {path: ./hooked, action: sync+exec, target: /hooked, exec: {command: "sh -c 'echo hook ran'"}}
        - {path: ./signal, action: restart}
        - {path: ./made, action: rebuild}
  other: {image: busybox, command: sleep 1000, init: true, stop_grace_period: 1s}
`,
    );
    // newer than the image will be
    const later = new Date(Date.now() + 3_600_000);
    utimesSync(join(path, "src/a"), later, later);
    await using watch = new Running(path, "watch", "--quiet", "web");
    await watch.said("Watch enabled");
    await watch.said('Syncing service "web" after 1 changes were detected');
    await waitUntil(
      "the first file is there",
      async () => (await inWeb("follow", "ls", "/app")) === "a\n",
    );

    write(path, "src/deep/er/b", "two");
    write(path, "src/no.log", "1");
    await watch.said('Syncing service "web" after 1 changes were detected');
    await waitUntil("the file is there", async () => {
      return (await inWeb("follow", "cat", "/app/deep/er/b")) === "two";
    });
    rmSync(join(path, "src/a"));
    await watch.said('Syncing service "web" after 1 changes were detected');
    await waitUntil("it is gone", async () => (await inWeb("follow", "ls", "/app")) === "deep\n");

    const started = (): Promise<string> =>
      engine.mustDocker("inspect", "-f", "{{.State.StartedAt}}", "follow-web-1");
    const before = await started();
    write(path, "conf/other", "1");
    write(path, "conf/c", "2");
    await watch.said('service(s) ["web"] restarted');
    expect(await inWeb("follow", "ls", "/conf")).toBe("c\n");
    expect(await started()).not.toBe(before);
    write(path, "signal", "1");
    await watch.said('service(s) ["web"] restarted');
    write(path, "hooked/h", "2");
    await watch.said("hook ran\n");

    const id = await engine.mustDocker("inspect", "-f", "{{.Id}}", "follow-web-1");
    write(path, "made/m", "2");
    await watch.said('Rebuilding service(s) ["web"] after changes were detected...');
    await watch.said('service(s) ["web"] successfully built');
    expect(await engine.mustDocker("inspect", "-f", "{{.Id}}", "follow-web-1")).not.toBe(id);
    expect(await inWeb("follow", "cat", "/made/m")).toBe("2");
    await waitUntil("the old image is gone", async () => {
      return (await engine.mustDocker("images", "-q", "--filter", "dangling=true")) === "";
    });
    expect(await engine.mustDocker("ps", "-q", "--filter", "name=follow-other")).toBe("");
    expect(await watch.interrupt()).toBe(130);

    await using again = new Running(path, "watch", "--no-up", "--prune=false");
    await again.said("Watch enabled");
    write(path, "src/c", "3");
    await waitUntil(
      "the file is there",
      async () => (await inWeb("follow", "cat", "/app/c")) === "3",
    );
    expect(await again.interrupt()).toBe(130);
    await engine.mustWharf("compose", "--project-directory", path, "down", "--rmi", "local");
  });

  test("says what cannot be watched", async () => {
    const path = join(folder, "unwatched");
    write(path, "compose.yaml", "services: {web: {image: busybox}}\n");
    const none = await engine.wharf(["compose", "--project-directory", path, "watch"]);
    expect(none.exitCode).toBe(1);
    expect(none.stderr).toContain("none of the selected services is configured for watch");
    write(
      path,
      "compose.yaml",
      "services: {web: {image: busybox, develop: {watch: [{path: ./a, action: rebuild}]}}}\n",
    );
    const imageOnly = await engine.wharf(["compose", "--project-directory", path, "watch"]);
    expect(imageOnly.stderr).toContain(
      `can't watch service "web" with action rebuild without a build context`,
    );
  });

  test("up --watch shows the logs beside, and follows a container that is made anew; the menu leaves", async () => {
    const path = join(folder, "beside");
    write(path, "made/m", "1");
    write(
      path,
      "compose.yaml",
      `services:
  web:
    build: {context: ., dockerfile_inline: "FROM busybox\\nCOPY made /made\\nCMD echo mark-$$(cat /made/m); exec sleep 1000"}
    init: true
    stop_grace_period: 1s
    develop: {watch: [{path: ./made, action: rebuild}]}
`,
    );
    await using up = new Running(path, "up", "--watch", "--quiet-build");
    await up.said("mark-1");
    write(path, "made/m", "2");
    await up.said("mark-2");
    expect(await up.interrupt()).toBe(130);
    expect(await engine.mustDocker("ps", "-q")).toBe("");
    {
      await using session = new TerminalSession(
        [WHARF, "compose", "--project-directory", path, "up", "--menu"],
        { env: engine.environment() },
      );
      await session.expect("w Enable Watch   d Detach");
      await session.expect("mark-2");
      session.type("w");
      await session.expect("w Disable Watch");
      await session.expect("Watch enabled");
      session.type("d");
      expect(await session.exited).toBe(0);
    }
    expect(await engine.mustDocker("ps", "-q")).not.toBe("");
    await engine.mustWharf("compose", "--project-directory", path, "down", "--rmi", "local");
  });
});
