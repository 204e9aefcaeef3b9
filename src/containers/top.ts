import { FailedPreconditionError, InvalidArgumentError } from "#base/errors.ts";
import type { ContainerParts } from "./parts.ts";
import { assertAllowed } from "./transitions.ts";

export interface TopResult {
  readonly titles: readonly string[];
  readonly processes: readonly (readonly string[])[];
}

const PS = "/bin/ps";
const DEFAULT_ARGUMENTS = "-ef";

/** The host's ps(1), which knows every format that users ask for, on the container's processes. */
export async function topOfContainer(
  parts: Pick<ContainerParts, "events" | "processes" | "registry" | "runtime">,
  reference: string,
  psArguments: string,
): Promise<TopResult> {
  const record = parts.registry.resolve(reference);
  const words = parsePsArguments(psArguments || DEFAULT_ARGUMENTS);
  assertAllowed("top", record, reference);
  const pids = parts.runtime.pids(record.id);
  const run = async (argv: readonly string[]): Promise<{ ok: boolean; text: string }> => {
    const result = await parts.processes.run({ argv: [PS, ...argv] });
    const ok = result.code === 0;
    return { ok, text: ok ? result.stdout : result.stderr };
  };
  // some formats (`f`) refuse a selection by pid: then all are listed and ours picked out
  const selected = await run(["-q", pids.join(","), ...words]);
  const output = selected.ok ? selected : await run(words);
  if (!output.ok) {
    throw new FailedPreconditionError(`ps: ${output.text.trim().split("\n")[0] ?? ""}`);
  }
  const top = parsePsOutput(output.text, new Set(pids));
  parts.events.publish(record, "top");
  return top;
}

/**
 * @throws {InvalidArgumentError} An argument that gives the column PID to something else, which would
 *   show processes of the host.
 */
export function parsePsArguments(text: string): readonly string[] {
  for (const [, field, header] of ` ${text}`.matchAll(/\s+([^\s]*)=\s*(PID[^\s]*)/g)) {
    if (field !== "pid") {
      throw new InvalidArgumentError(`specifying "${field}=${header}" is not allowed`);
    }
  }
  if (/\0/.test(text)) throw new InvalidArgumentError("invalid ps arguments: NUL byte");
  return text.split(/\s+/).filter((word) => word !== "");
}

/** @throws {FailedPreconditionError} When the listing has no PID to tell ours by. */
export function parsePsOutput(text: string, pids: ReadonlySet<number>): TopResult {
  const [header = "", ...lines] = text.split("\n");
  const titles = header.split(/\s+/).filter((word) => word !== "");
  const pidColumn = titles.indexOf("PID");
  if (pidColumn < 0) throw new FailedPreconditionError("Couldn't find PID field in ps output");
  const processes: (readonly string[])[] = [];
  let wasOurs = false;
  for (const line of lines) {
    const fields = line.split(/\s+/).filter((word) => word !== "");
    const pidText = fields[pidColumn];
    if (pidText === undefined) continue;
    // `-` is a thread of the process above
    const isOurs: boolean = pidText === "-" ? wasOurs : pids.has(Number(pidText));
    wasOurs = isOurs;
    if (isOurs) processes.push(foldFields(fields, titles.length));
  }
  return { titles, processes };
}

/** The last column, the command, holds blanks. */
function foldFields(fields: readonly string[], columns: number): readonly string[] {
  return [...fields.slice(0, columns - 1), fields.slice(columns - 1).join(" ")];
}
