// A user at a terminal finds their way with our client: help, mistakes, contexts, completion, formats.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runCommand } from "../../harness/command.ts";
import { DOCKER, startEngine, type TestEngine, WHARF } from "../../harness/engine.ts";
import { TerminalSession } from "../../harness/terminal.ts";

let engine: TestEngine;
beforeAll(async () => {
  engine = await startEngine();
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
});

describe("finding one's way", () => {
  test("a mistyped command or flag is answered with the nearest", async () => {
    const command = await engine.wharf(["rnu"]);
    expect(command).toMatchObject({ exitCode: 1, stdout: "" });
    expect(command.stderr).toContain("Did you mean 'wharf run'?");
    const flag = await engine.wharf(["run", "--memroy", "64m", "busybox"]);
    expect(flag.exitCode).toBe(125);
    expect(flag.stderr).toContain("--memory");
  });

  test("every command of the help has a help of its own that fits 80 columns", async () => {
    const help = (await engine.wharf(["--help"])).stdout;
    const names = [...help.matchAll(/^ {2}([a-z]+) {2,}/gm)].map((match) => match[1] ?? "");
    expect(names.length).toBeGreaterThan(30);
    for (const name of names) {
      const result = await engine.wharf([name, "--help"]);
      expect(`${name} ${result.exitCode}`).toBe(`${name} 0`);
      expect(result.stdout).toContain("Usage:");
    }
    await using terminal = new TerminalSession([WHARF, "run", "--help"], { columns: 80 });
    await terminal.exited;
    const wide = terminal.screen.split("\r\n").filter((line) => line.length > 80);
    expect(wide).toEqual([]);
  });

  test("no engine: one sentence that names it and says what to do, exit code 1", async () => {
    const result = await runCommand([WHARF, "-H", "unix:///nonexistent.sock", "ps"], {
      env: { WHARF_AUTOSTART: "0" },
    });
    expect(result.exitCode).toBe(1);
    expect(result.stderr).toContain("unix:///nonexistent.sock");
    expect(result.stderr.trim().split("\n").length).toBeLessThanOrEqual(3);
  });

  test("what a later version brings is said plainly", async () => {
    for (const words of [
      ["buildx", "ls"],
      ["swarm", "init"],
    ]) {
      const result = await engine.wharf(words);
      expect(result.exitCode).toBe(1);
      expect(result.stderr).toMatch(/not in this version yet|not .*supported/);
    }
  });

  test("an alias named docker is the same program", async () => {
    const folder = join(engine.root, "alias");
    mkdirSync(folder);
    symlinkSync(WHARF, join(folder, "docker"));
    const result = await runCommand(
      [join(folder, "docker"), "run", "--rm", "busybox", "echo", "same"],
      {
        env: engine.environment(),
      },
    );
    expect(result).toMatchObject({ exitCode: 0, stdout: "same\n" });
  });
});

describe("contexts", () => {
  test("docker and wharf share them", async () => {
    const env = {
      DOCKER_HOST: "",
      DOCKER_CONTEXT: "",
      DOCKER_CONFIG: join(engine.root, "contexts"),
    };
    const run = async (...argv: string[]) => await runCommand(argv, { env });
    await run(WHARF, "context", "create", "ours", "--docker", `host=${engine.host}`);
    expect((await run(DOCKER, "--context", "ours", "ps", "-q")).exitCode).toBe(0);
    await run(DOCKER, "context", "create", "theirs", "--docker", `host=${engine.host}`);
    expect((await run(WHARF, "context", "use", "theirs")).exitCode).toBe(0);
    expect((await run(WHARF, "run", "--rm", "busybox", "echo", "found")).stdout).toBe("found\n");
    expect((await run(DOCKER, "context", "ls", "--format", "{{.Name}} {{.Current}}")).stdout).toBe(
      "default false\nours false\ntheirs true\n",
    );
    expect((await run(WHARF, "context", "ls", "--format", "{{.Name}} {{.Current}}")).stdout).toBe(
      "default false\nours false\ntheirs true\n",
    );
    expect((await run(WHARF, "context", "rm", "theirs")).exitCode).toBe(1);
  });
});

describe("output", () => {
  test("formats, filters and quiet lists", async () => {
    await engine.mustWharf("create", "--name", "shown", "--label", "a=b", "busybox", "true");
    expect(
      await engine.mustWharf("ps", "-a", "--format", '{{.Names}}:{{.Label "a"}}:{{upper .State}}'),
    ).toBe("shown:b:CREATED");
    expect(await engine.mustWharf("ps", "-a", "--format", "table {{.Names}}\t{{.Image}}")).toBe(
      "NAMES     IMAGE\nshown     busybox",
    );
    const row = JSON.parse(await engine.mustWharf("ps", "-a", "--format", "json")) as {
      Names: string;
    };
    expect(row.Names).toBe("shown");
    expect(await engine.mustWharf("ps", "-aq", "-f", "label=a=c")).toBe("");
    expect(
      await engine.mustWharf("inspect", "-f", "{{.Config.Labels.a}} {{json .Config.Cmd}}", "shown"),
    ).toBe('b ["true"]');
    expect((await engine.wharf(["ps", "-a", "--format", "{{.Nosuch}}"])).exitCode).toBe(1);
    await engine.mustWharf("rm", "shown");
  });

  test("a pipe that closes early is no error", async () => {
    const result = await runCommand(
      ["bash", "-c", `${WHARF} run --rm busybox seq 100000 | head -1`],
      {
        env: engine.environment(),
      },
    );
    expect(result).toMatchObject({ exitCode: 0, stdout: "1\n" });
  });
});

describe("completion", () => {
  /** What bash offers after `words`, the last of which is being typed. */
  async function complete(...words: string[]): Promise<string[]> {
    const script = join(engine.root, "complete.sh");
    const bin = join(engine.root, "bin");
    mkdirSync(bin, { recursive: true });
    writeFileSync(join(bin, "wharf"), `#!/bin/sh\nexec ${WHARF} "$@"\n`);
    chmodSync(join(bin, "wharf"), 0o755);
    const quoted = ["wharf", ...words].map((word) => `'${word}'`).join(" ");
    writeFileSync(
      script,
      `source <(wharf completion bash)
COMP_WORDS=(${quoted}); COMP_CWORD=${words.length}; COMP_LINE="wharf ${words.join(" ")}"; COMP_POINT=\${#COMP_LINE}
complete -p wharf | sed 's/.*-F \\([^ ]*\\).*/\\1/' >/dev/null
f=$(complete -p wharf | sed 's/.*-F \\([^ ]*\\).*/\\1/'); $f; printf '%s\\n' "\${COMPREPLY[@]}"`,
    );
    const result = await runCommand(["bash", script], {
      env: { ...engine.environment(), PATH: `${bin}:${process.env["PATH"]}` },
    });
    return result.stdout
      .trim()
      .split("\n")
      .map((line) => line.trim());
  }

  test("bash gets commands, flags, container and image names", async () => {
    await engine.mustWharf("create", "--name", "harbour", "busybox");
    expect(await complete("star")).toEqual(["start"]);
    expect(await complete("run", "--memory-s")).toContain("--memory-swap");
    expect(await complete("start", "harb")).toEqual(["harbour"]);
    expect(await complete("run", "busy")).toContain("busybox:latest");
    await engine.mustWharf("rm", "harbour");
  });
});

describe("interruption", () => {
  test("Ctrl-C on `logs -f` and `events` ends them at once and leaves the container", async () => {
    await engine.mustWharf(
      "run",
      "-d",
      "--name",
      "talks",
      "busybox",
      "sh",
      "-c",
      "while :; do echo tick; sleep 0.1; done",
    );
    for (const words of [
      ["logs", "-f", "talks"],
      ["stats", "talks"],
      ["events", "--since", "1h"],
    ]) {
      await using terminal = new TerminalSession([WHARF, ...words], { env: engine.environment() });
      await terminal.expect(words[0] === "logs" ? "tick" : "talks");
      terminal.type("\u0003");
      expect(await terminal.exited).toBeGreaterThanOrEqual(0);
    }
    expect(await engine.mustWharf("inspect", "-f", "{{.State.Status}}", "talks")).toBe("running");
    await engine.mustWharf("rm", "-f", "talks");
  });
});
