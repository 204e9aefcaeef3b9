import type { Output } from "#cli/output/streams.ts";

/** Whole lines with a prefix, for what several things tell at once. */
export function prefixedOutput(output: Output, prefix: string): Output & Disposable {
  const decoder = new TextDecoder();
  let waiting = "";
  const write = (data: string | Uint8Array): void => {
    const text = typeof data === "string" ? data : decoder.decode(data, { stream: true });
    const lines = (waiting + text).split("\n");
    waiting = lines.pop() ?? "";
    const shown = lines.filter((line) => line !== "").map((line) => `${prefix}${line}\n`);
    if (shown.length > 0) output.write(shown.join(""));
  };
  return {
    write,
    pump: (data) => Promise.resolve(write(data)),
    // lines of several builds cannot be drawn again in place
    isTerminal: false,
    windowSize: () => undefined,
    [Symbol.dispose]: () => {
      if (waiting !== "") output.write(`${prefix}${waiting}\n`);
    },
  };
}
