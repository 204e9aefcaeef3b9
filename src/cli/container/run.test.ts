import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { TestCli, runCommand } from "#cli/testing/test-cli.ts";
import type { MemoryConnection } from "#client/testing/memory-connection.ts";
import { command } from "./run.ts";
import {
  type ScriptedRequest,
  answer,
  answerJson,
  frame,
  handOver,
  refuse,
  scriptEngine,
} from "./testing/scripted-engine.ts";

type Routes = Parameters<typeof scriptEngine>[0];

/** An engine on which a container prints `out` when it is started, and ends with `exitCode`. */
function oneContainer(exitCode: number, more: Routes = {}): Routes {
  let attached: MemoryConnection | undefined;
  let waiting: MemoryConnection | undefined;
  return {
    "POST /containers/create": (request) => answerJson(request, { Id: "c1", Warnings: [] }),
    "POST /containers/c1/attach": (request) => {
      handOver(request);
      attached = request.connection;
    },
    "POST /containers/c1/wait": ({ connection }) => {
      waiting = connection;
      connection.feed("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    },
    "POST /containers/c1/start": ({ connection }) => {
      answer(connection, "204 No Content", "");
      attached?.feed(frame(1, "out"));
      attached?.endFeed();
      const body = JSON.stringify({ StatusCode: exitCode });
      waiting?.feed(`${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`);
    },
    ...more,
  };
}

test("run attaches and waits before it starts, and gives the container's exit code", async () => {
  const engine = scriptEngine(oneContainer(7));
  const cli = new TestCli({ engine: engine.client });
  expect(await runCommand(command, cli, ["busybox", "true"])).toBe(7);
  expect(cli.output.text).toBe("out");
  expect(engine.requests).toEqual([
    "POST /containers/create",
    "POST /containers/c1/attach?stream=1&stdout=1&stderr=1",
    "POST /containers/c1/wait?condition=next-exit",
    "POST /containers/c1/start",
  ]);
});

test("run --rm waits for the removal; -i, -a and --detach-keys reach the attach", async () => {
  const engine = scriptEngine(oneContainer(0));
  const cli = new TestCli({ engine: engine.client });
  const words = ["--rm", "-i", "-a", "stderr", "--detach-keys", "a,b", "busybox"];
  expect(await runCommand(command, cli, words)).toBe(0);
  expect(cli.output.text).toBe("");
  expect(engine.requests.slice(1, 3)).toEqual([
    "POST /containers/c1/attach?stream=1&stdin=1&stderr=1&detachKeys=a,b",
    "POST /containers/c1/wait?condition=removed",
  ]);
});

test("run -d prints the ID and sends no more than it must", async () => {
  const engine = scriptEngine(oneContainer(0));
  const cli = new TestCli({ engine: engine.client });
  expect(await runCommand(command, cli, ["-d", "--name", "web", "busybox"])).toBe(0);
  expect(cli.output.text).toBe("c1\n");
  expect(engine.requests).toEqual([
    "POST /containers/create?name=web",
    "POST /containers/c1/start",
  ]);
});

for (const [words, code] of [
  [`exec: "nope": executable file not found in $PATH`, 127],
  ["stat /nope: no such file or directory", 127],
  [`exec: "/etc": permission denied`, 126],
  [`exec: "/etc": is a directory`, 126],
  ["cgroups: cannot", 125],
] as const) {
  test(`run exits ${code} when the start fails with: ${words}`, async () => {
    const engine = scriptEngine(
      oneContainer(0, {
        "POST /containers/c1/start": ({ connection }) => refuse(connection, 400, words),
      }),
    );
    const cli = new TestCli({ engine: engine.client });
    await expect(runCommand(command, cli, ["busybox", "x"])).rejects.toMatchObject({
      exitCode: code,
      message: `wharf: Error response from daemon: ${words}\n\nRun 'wharf test --help' for more information`,
    });
  });
}

/** Creation fails until the image has been pulled. */
function missingImage(pull: (request: ScriptedRequest) => void): Routes {
  let isThere = false;
  return oneContainer(0, {
    "POST /containers/create": (request) => {
      if (isThere) return answerJson(request, { Id: "c1", Warnings: ["odd"] });
      refuse(request.connection, 404, "No such image: busybox:latest");
    },
    "POST /images/create": (request) => {
      isThere = true;
      pull(request);
    },
  });
}

test("run pulls a missing image and creates again", async () => {
  const engine = scriptEngine(
    missingImage((request) => answerJson(request, { status: "Pulling from library/busybox" })),
  );
  const cli = new TestCli({ engine: engine.client });
  await runCommand(command, cli, ["--platform", "linux/arm64", "busybox"]);
  expect(cli.errors.text).toBe(
    "Unable to find image 'busybox:latest' locally\nPulling from library/busybox\nWARNING: odd\n",
  );
  expect(engine.requests.slice(0, 3)).toEqual([
    "POST /containers/create?platform=linux/arm64",
    "POST /images/create?fromImage=docker.io/library/busybox&tag=latest&platform=linux/arm64",
    "POST /containers/create?platform=linux/arm64",
  ]);
});

test("run --pull never leaves a missing image missing", async () => {
  const engine = scriptEngine(missingImage(() => undefined));
  const cli = new TestCli({ engine: engine.client });
  const running = runCommand(command, cli, ["--pull", "never", "busybox"]);
  await expect(running).rejects.toMatchObject({ exitCode: 125 });
  expect(engine.requests).toEqual(["POST /containers/create"]);
});

test("run does not take a missing volume's container for a missing image", async () => {
  const engine = scriptEngine({
    "POST /containers/create": ({ connection }) =>
      refuse(connection, 404, "No such container: other"),
  });
  const cli = new TestCli({ engine: engine.client });
  const running = runCommand(command, cli, ["--volumes-from", "other", "busybox"]);
  await expect(running).rejects.toMatchObject({ exitCode: 125 });
  expect(cli.errors.text).toBe("");
});

test("run --cidfile holds the ID, or does not exist", async () => {
  const folder = mkdtempSync(`${tmpdir()}/cidfile-`);
  const path = `${folder}/id`;
  const failing = scriptEngine({});
  const refused = runCommand(command, new TestCli({ engine: failing.client }), [
    "--cidfile",
    path,
    "busybox",
  ]);
  await expect(refused).rejects.toThrow();
  const engine = scriptEngine(oneContainer(0));
  await runCommand(command, new TestCli({ engine: engine.client }), ["--cidfile", path, "busybox"]);
  expect(readFileSync(path, "utf8")).toBe("c1");
  rmSync(folder, { recursive: true });
});

test("run forwards signals while the container runs", async () => {
  const engine = scriptEngine(
    oneContainer(0, {
      "POST /containers/c1/start": ({ connection }) => {
        answer(connection, "204 No Content", "");
        process.emit("SIGUSR2");
      },
      "POST /containers/c1/kill": ({ connection }) => answer(connection, "204 No Content", ""),
      "POST /containers/c1/attach": (request) => {
        handOver(request);
        request.connection.endFeed();
      },
      "POST /containers/c1/wait": (request) => answerJson(request, { StatusCode: 0 }),
    }),
  );
  const cli = new TestCli({ engine: engine.client });
  await runCommand(command, cli, ["busybox"]);
  expect(engine.requests).toContain("POST /containers/c1/kill?signal=USR2");
  expect(process.listenerCount("SIGUSR2")).toBe(0);
});
