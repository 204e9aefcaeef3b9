import { parseGoDuration } from "#base/durations.ts";
import { messageOf } from "#base/errors.ts";
import type { ImageHealthcheck } from "#spec/oci-image.ts";
import { DockerfileError } from "./dockerfile-error.ts";
import { type InstructionFlags, readFlags } from "./flags.ts";
import type { InstructionNode } from "./node.ts";

const MINIMUM_NANOSECONDS = 1_000_000;
const MOST_RETRIES = 2 ** 31 - 1;

/**
 * What HEALTHCHECK asks for.
 *
 * @throws {DockerfileError} With BuildKit's words.
 */
export function readHealthcheck(node: InstructionNode): ImageHealthcheck {
  const fail = (reason: string): never => {
    throw new DockerfileError(reason, node.range);
  };
  const [first, ...rest] = node.args.map(({ text }) => text);
  if (first === undefined) return fail("HEALTHCHECK requires at least one argument");
  const type = first.toUpperCase();
  if (type === "NONE") {
    if (rest.length > 0) fail("HEALTHCHECK NONE takes no arguments");
    readFlags(node, {});
    return { ...NO_TIMES, test: ["NONE"] };
  }
  const flags = readFlags(node, {
    interval: "text",
    timeout: "text",
    "start-period": "text",
    "start-interval": "text",
    retries: "text",
  });
  if (type !== "CMD") fail(`Unknown type ${JSON.stringify(type)} in HEALTHCHECK (try CMD)`);
  if (rest.length === 0) fail("Missing command after HEALTHCHECK CMD");
  return {
    test: node.isJson ? ["CMD", ...rest] : ["CMD-SHELL", ...rest],
    intervalNanoseconds: duration(node, flags, "interval"),
    timeoutNanoseconds: duration(node, flags, "timeout"),
    startPeriodNanoseconds: duration(node, flags, "start-period"),
    startIntervalNanoseconds: duration(node, flags, "start-interval"),
    retries: retries(node, flags.text("retries") ?? ""),
  };
}

const NO_TIMES: Omit<ImageHealthcheck, "test"> = {
  intervalNanoseconds: 0,
  timeoutNanoseconds: 0,
  startPeriodNanoseconds: 0,
  startIntervalNanoseconds: 0,
  retries: 0,
};

function duration(node: InstructionNode, flags: InstructionFlags, name: string): number {
  const text = flags.text(name) ?? "";
  if (text === "") return 0;
  let nanoseconds: number;
  try {
    nanoseconds = parseGoDuration(text);
  } catch (cause) {
    throw new DockerfileError(messageOf(cause), node.range, { cause });
  }
  if (nanoseconds !== 0 && nanoseconds < MINIMUM_NANOSECONDS) {
    const reason = `Interval ${JSON.stringify(name)} cannot be less than 1ms`;
    throw new DockerfileError(reason, node.range);
  }
  return nanoseconds;
}

function retries(node: InstructionNode, text: string): number {
  if (text === "") return 0;
  const count = Number(text);
  if (!/^[-+]?\d{1,10}$/.test(text) || count > MOST_RETRIES) {
    const reason = `strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`;
    throw new DockerfileError(reason, node.range);
  }
  if (count < 0) throw new DockerfileError(`--retries cannot be negative (${count})`, node.range);
  return count;
}
