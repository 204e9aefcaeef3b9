import { expect, test } from "bun:test";
import type { AttachStream } from "./runtime.ts";
import { makeProcess, makeSpec, openFixture } from "./testing/fixture.ts";

const SIGSTOP = 19;
const SIGCONT = 18;
const never = new AbortController().signal;

async function readAll(stream: AttachStream): Promise<string> {
  let text = "";
  for await (const { bytes } of stream.output()) text += new TextDecoder().decode(bytes);
  return text;
}

// conmon that does not get the processor finds the clients and the output at once: it must not be the
// order in which it looks at them that decides who reads the first lines.
test.each([1, 2, 5])(
  "%i clients attached to what waits read all of it, though conmon is late",
  async (count) => {
    await using fixture = await openFixture({ runtimeName: "crun" });
    const { runtime, host } = fixture;
    for (const [round, terminal] of [false, true].entries()) {
      const id = `c${round}`;
      const plain = makeSpec(fixture.stateDir, id, ["sh", "-c", "echo first; echo last"]);
      const spec = { ...plain, process: { ...makeProcess(plain.process?.args ?? []), terminal } };
      const running = await runtime.create(fixture.request(id, "", { terminal, spec }), never);
      host.processes.kill(running.supervisor, SIGSTOP);
      const streams = await Promise.all(Array.from({ length: count }, () => runtime.attach(id)));
      const texts = streams.map(readAll);
      const starting = runtime.start(id);
      await Bun.sleep(200); // what would be written by now nobody would have been there for
      host.processes.kill(running.supervisor, SIGCONT);
      await starting;
      await running.exited;
      for (const text of await Promise.all(texts)) {
        expect(text.replaceAll("\r", "")).toBe("first\nlast\n");
      }
      await runtime.delete(id, { force: false });
    }
  },
);
