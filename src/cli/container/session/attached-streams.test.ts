import { expect, test } from "bun:test";
import { UnavailableError } from "#base/errors.ts";
import type { Input } from "#cli/output/input.ts";
import { TestCli } from "#cli/testing/test-cli.ts";
import { type ContainerStream, type StreamChoice, joinStreams } from "./attached-streams.ts";
import { frame } from "#cli/container/testing/scripted-engine.ts";

const withTerminal: StreamChoice = {
  stdin: true,
  stdout: true,
  stderr: true,
  hasTerminal: true,
  detachKeys: "",
};
const piped: StreamChoice = { ...withTerminal, hasTerminal: false };

/** A process that writes `pieces`; with `isPatient` its output ends only with its input. */
class FakeProcess implements ContainerStream {
  readonly #pieces: readonly Uint8Array[];
  readonly #inputEnd = Promise.withResolvers<void>();
  readonly #isPatient: boolean;
  received = "";
  writeFailure: Error | undefined;

  constructor(pieces: readonly Uint8Array[], isPatient = true) {
    this.#pieces = pieces;
    this.#isPatient = isPatient;
  }

  async *output(): AsyncGenerator<Uint8Array> {
    for (const piece of this.#pieces) yield piece;
    if (this.#isPatient) await this.#inputEnd.promise;
  }

  write(bytes: Uint8Array): Promise<void> {
    if (this.writeFailure) return Promise.reject(this.writeFailure);
    this.received += new TextDecoder().decode(bytes);
    return Promise.resolve();
  }

  closeWrite(): void {
    this.#inputEnd.resolve();
  }
}

/** Its input gives `chunks` and then never ends. */
class TypingCli extends TestCli {
  override readonly input: Input;

  constructor(chunks: readonly string[]) {
    super();
    this.input = {
      isTerminal: false,
      fd: undefined,
      async *chunks() {
        for (const chunk of chunks) yield new TextEncoder().encode(chunk);
        await new Promise(() => undefined);
      },
    };
  }
}

test("joinStreams() hands the input over, ends it, and parts the outputs", async () => {
  const cli = new TestCli({ input: "question" });
  const process = new FakeProcess([frame(1, "out"), frame(2, "err"), frame(1, "!")]);
  expect(await joinStreams(cli, process, piped)).toBe("ended");
  expect(process.received).toBe("question");
  expect(cli.output.text).toBe("out!");
  expect(cli.errors.text).toBe("err");
});

test("joinStreams() shows only the outputs that are chosen", async () => {
  const cli = new TestCli();
  const process = new FakeProcess([frame(1, "out"), frame(2, "err")], false);
  await joinStreams(cli, process, { ...piped, stdin: false, stdout: false });
  expect([cli.output.text, cli.errors.text]).toEqual(["", "err"]);
});

test("joinStreams() passes a terminal's bytes on as they are", async () => {
  const cli = new TestCli();
  const raw = new FakeProcess([Buffer.from("\x01\x00raw\r\n")], false);
  await joinStreams(cli, raw, { ...withTerminal, stdin: false });
  expect(cli.output.text).toBe("\x01\x00raw\r\n");
});

test("joinStreams() ends with the output though the input is still open", async () => {
  const cli = new TypingCli([]);
  const process = new FakeProcess([frame(1, "done")], false);
  expect(await joinStreams(cli, process, piped)).toBe("ended");
  expect(cli.output.text).toBe("done");
});

test("joinStreams() goes on to the end of the output when the input is no longer taken", async () => {
  const cli = new TestCli({ input: "too late" });
  const process = new FakeProcess([frame(1, "rest")], false);
  process.writeFailure = new UnavailableError("connection closed");
  expect(await joinStreams(cli, process, piped)).toBe("ended");
  expect(cli.output.text).toBe("rest");
});

test("joinStreams() leaves on the detach keys of a terminal, which the process does not see", async () => {
  const process = new FakeProcess([]);
  const typing = new TypingCli(["ls\r", "\x10", "\x11"]);
  expect(await joinStreams(typing, process, withTerminal)).toBe("detached");
  expect(process.received).toBe("ls\r");
  const custom = new FakeProcess([]);
  const choice = { ...withTerminal, detachKeys: "a,b" };
  expect(await joinStreams(new TypingCli(["xaab"]), custom, choice)).toBe("detached");
  expect(custom.received).toBe("xa");
});

test("joinStreams() without terminal takes the detach keys for data", async () => {
  const cli = new TestCli({ input: "\x10\x11" });
  const process = new FakeProcess([]);
  expect(await joinStreams(cli, process, piped)).toBe("ended");
  expect(process.received).toBe("\x10\x11");
});

test("joinStreams() throws what the engine reports on the stream", async () => {
  const process = new FakeProcess([frame(3, "lost the container")], false);
  const joining = joinStreams(new TestCli(), process, { ...piped, stdin: false });
  await expect(joining).rejects.toThrow("error from daemon in stream: lost the container");
});
