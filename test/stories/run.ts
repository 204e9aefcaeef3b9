// A user runs containers: in the foreground, on a terminal, in the background.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { DOCKER, startEngine, type TestEngine, WHARF } from "../harness/engine.ts";
import { TerminalSession } from "../harness/terminal.ts";
import { waitUntil } from "../harness/wait-until.ts";

/** @param client Whose command line: the unmodified docker CLI's, or ours. */
export function runStory(client: "docker" | "wharf"): void {
  let engine: TestEngine;
  const must = (...args: readonly string[]): Promise<string> =>
    client === "docker" ? engine.mustDocker(...args) : engine.mustWharf(...args);

  beforeAll(async () => {
    engine = await startEngine();
  });
  afterAll(async () => {
    await engine[Symbol.asyncDispose]();
  });

  function session(...args: string[]): TerminalSession {
    return new TerminalSession([client === "docker" ? DOCKER : WHARF, ...args], {
      env: engine.environment(),
    });
  }

  describe(`${client}: run in the foreground`, () => {
    test("prints what the container prints, on the same streams", async () => {
      const result = await engine[client]([
        "run",
        "--rm",
        "busybox",
        "sh",
        "-c",
        "echo out; echo err >&2",
      ]);
      expect(result).toEqual({ exitCode: 0, stdout: "out\n", stderr: "err\n" });
    });

    test("ends with the container's exit code", async () => {
      expect(
        (await engine[client](["run", "--rm", "busybox", "sh", "-c", "exit 42"])).exitCode,
      ).toBe(42);
    });

    test("ends with 125 when the engine refuses", async () => {
      const result = await engine[client](["run", "--rm", "--memory", "1k", "busybox", "true"]);
      expect(result.exitCode).toBe(125);
      expect(result.stderr).toContain("Minimum memory limit allowed is 6MB");
    });

    test("ends with 126 when the command cannot be invoked", async () => {
      const result = await engine[client](["run", "--rm", "busybox", "/etc/passwd"]);
      expect(result.exitCode).toBe(126);
      expect(result.stderr).toContain("permission denied");
    });

    test("ends with 127 when the command is not found", async () => {
      const result = await engine[client](["run", "--rm", "busybox", "nosuchcommand"]);
      expect(result.exitCode).toBe(127);
      expect(result.stderr).toContain("executable file not found in $PATH");
    });

    test("leaves no container behind with --rm, also after a failure", async () => {
      await engine[client](["run", "--rm", "--name", "gone", "busybox", "false"]);
      await waitUntil("the container is removed", async () => (await must("ps", "-aq")) === "");
    });

    test("names an image that is not there", async () => {
      const result = await engine[client]([
        "run",
        "--pull",
        "never",
        "--rm",
        "nosuchimage",
        "true",
      ]);
      expect(result.exitCode).toBe(125);
      expect(result.stderr).toContain("No such image: nosuchimage:latest");
    });

    test("carries 200 MB through stdin unharmed", async () => {
      const bytes = new Uint8Array(200 * 1024 * 1024);
      for (let offset = 0; offset < bytes.length; offset += 65_536) {
        crypto.getRandomValues(bytes.subarray(offset, offset + 65_536));
      }
      const digest = createHash("sha256").update(bytes).digest("hex");
      const result = await engine[client](["run", "--rm", "-i", "busybox", "sha256sum"], {
        input: bytes,
        timeoutMs: 100_000,
      });
      expect(result.stdout).toBe(`${digest}  -\n`);
    });

    test("carries 50 MB through stdin and back again", async () => {
      const bytes = crypto.getRandomValues(new Uint8Array(65_536));
      const input = new Blob(Array.from({ length: 800 }, () => bytes));
      const child = Bun.spawn(
        [client === "docker" ? DOCKER : WHARF, "run", "--rm", "-i", "busybox", "cat"],
        {
          stdin: input,
          stdout: "pipe",
          env: { ...process.env, ...engine.environment() },
        },
      );
      const hash = createHash("sha256");
      for await (const chunk of child.stdout) hash.update(chunk);
      expect(await child.exited).toBe(0);
      const want = createHash("sha256").update(new Uint8Array(await input.arrayBuffer()));
      expect(hash.digest("hex")).toBe(want.digest("hex"));
    });
  });

  describe(`${client}: run on a terminal`, () => {
    test("gives the container a terminal of the window's size and follows its changes", async () => {
      await using terminal = session("run", "--rm", "-it", "busybox", "sh");
      await terminal.expect("/ #");
      terminal.type("stty size\n");
      await terminal.expect("24 80");
      terminal.resize(100, 30);
      terminal.type("sleep 0.3; stty size\n");
      await terminal.expect("30 100");
      terminal.type("exit 7\n");
      expect(await terminal.exited).toBe(7);
    });

    test("detaches by keys and attaches again", async () => {
      await using terminal = session("run", "-it", "--name", "keys", "busybox", "sh");
      await terminal.expect("/ #");
      terminal.type("\u0010\u0011");
      expect(await terminal.exited).toBe(0);
      expect(await must("inspect", "-f", "{{.State.Status}}", "keys")).toBe("running");
      await using again = session("attach", "--detach-keys", "ctrl-x", "keys");
      again.type("echo still $((40 + 2))\n");
      await again.expect("still 42");
      again.type("\u0018");
      await again.exited;
      expect(await must("inspect", "-f", "{{.State.Status}}", "keys")).toBe("running");
      await must("rm", "-f", "keys");
    });

    test("passes Ctrl-C to the container's process", async () => {
      const script = "trap 'exit 33' INT; echo up; while :; do sleep 0.05; done";
      await using terminal = session("run", "--rm", "-it", "busybox", "sh", "-c", script);
      await terminal.expect("up");
      terminal.type("\u0003");
      expect(await terminal.exited).toBe(33);
    });
  });

  describe(`${client}: run in the background`, () => {
    test("prints the id; ps, logs, exec, stop and rm work on it", async () => {
      const id = await must(
        ...["run", "-d", "--name", "bg", "busybox", "sh", "-c", "echo ready; exec sleep 1000"],
      );
      expect(id).toMatch(/^[0-9a-f]{64}$/);
      expect(await must("ps", "--format", "{{.ID}} {{.Image}} {{.Names}} {{.State}}")).toBe(
        `${id.slice(0, 12)} busybox bg running`,
      );
      await waitUntil("the log line", async () => (await must("logs", "bg")) === "ready");
      expect(await must("exec", "-e", "A=b", "bg", "sh", "-c", "echo $A; id -u")).toBe("b\n0");
      expect((await engine[client](["exec", "bg", "sh", "-c", "exit 3"])).exitCode).toBe(3);
      expect((await engine[client](["exec", "bg", "nosuch"])).exitCode).toBe(127);
      await must("stop", "-t", "0", "bg");
      expect(await must("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "bg")).toBe(
        "exited 137",
      );
      await must("rm", "bg");
      expect(await must("ps", "-aq")).toBe("");
    });

    test("logs -f follows to the end, with time stamps and tail", async () => {
      await must(
        ...[
          "run",
          "-d",
          "--name",
          "talker",
          "busybox",
          "sh",
          "-c",
          "for i in 1 2 3 4 5; do echo line $i; sleep 0.1; done",
        ],
      );
      expect(await must("logs", "-f", "talker")).toBe("line 1\nline 2\nline 3\nline 4\nline 5");
      expect(await must("logs", "--tail", "2", "talker")).toBe("line 4\nline 5");
      expect(await must("logs", "-t", "--tail", "1", "talker")).toMatch(
        /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z line 5$/,
      );
      await must("rm", "talker");
    });

    test("exec -it opens a shell on a terminal", async () => {
      await must("run", "-d", "--name", "host", "busybox", "sleep", "1000");
      await using terminal = session("exec", "-it", "host", "sh");
      await terminal.expect("/ #");
      terminal.type("tty; stty size\n");
      await terminal.expect("/dev/pts/");
      await terminal.expect("24 80");
      terminal.type("exit 9\n");
      expect(await terminal.exited).toBe(9);
      await must("rm", "-f", "host");
    });
  });
}
