import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { runCli } from "#cli/main.ts";
import { NO_PROGRAMS, TestCli } from "#cli/testing/test-cli.ts";

/** What a client made of a command line. */
export interface CreateOutcome {
  readonly line: string;
  readonly code: number;
  /** Text on stderr; what docker says of itself reads as ours. */
  readonly errors: string;
  /** Query and body of the request without the wire's zero values, when there was one. */
  readonly request?: { readonly query: object; readonly body: unknown };
}

const filesDir = fileURLToPath(new URL("../testdata/create-files", import.meta.url));
const containerId = "f".repeat(64);

/** Answers creations and keeps their requests; stands in for an engine of API 1.51. */
export function openCreateRecorder(): Disposable & {
  readonly address: string;
  take(): CreateOutcome["request"];
} {
  const dir = mkdtempSync(join(tmpdir(), "create-"));
  const socket = join(dir, "engine.sock");
  let last: CreateOutcome["request"];
  const server = Bun.serve({
    unix: socket,
    async fetch(request) {
      const { pathname, searchParams } = new URL(request.url);
      if (pathname === "/_ping") {
        return new Response("OK", { headers: { "Api-Version": "1.51", Ostype: "linux" } });
      }
      if (!pathname.endsWith("/containers/create")) {
        return Response.json({ message: "page not found" }, { status: 404 });
      }
      const text = withoutPaths((await request.text()).replaceAll(socket, "SOCKET"));
      last = { query: Object.fromEntries(searchParams), body: normalise(JSON.parse(text)) };
      return Response.json({ Id: containerId, Warnings: [] }, { status: 201 });
    },
  });
  return {
    address: `unix://${socket}`,
    take() {
      const taken = last;
      last = undefined;
      return taken;
    },
    [Symbol.dispose]() {
      void server.stop(true);
      rmSync(dir, { recursive: true });
    },
  };
}

/** Before anything is sorted: the order must not depend on where the checkout is. */
function withoutPaths(text: string): string {
  return text.replaceAll(process.cwd(), "CWD").replaceAll(resolve("../up"), "PARENT/up");
}

/**
 * Leaves out what Go decodes to the same as nothing, and sorts what docker takes from a map, whose
 * order is a matter of chance.
 */
function normalise(value: unknown, key = ""): unknown {
  if (Array.isArray(value)) {
    const list = value.map((one) => normalise(one));
    const isUnordered = ["Env", "Binds"].includes(key);
    return isUnordered ? list.sort(compareText) : list;
  }
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value)
    .filter(([, one]) => one !== null && one !== "" && one !== 0 && one !== false)
    // docker's client sends an empty driver with some options of a volume, and none with others
    .filter(([name, one]) => name !== "DriverConfig" || JSON.stringify(one) !== "{}")
    .map(([name, one]) => [name, normalise(one, name)] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries);
}

function compareText(a: unknown, b: unknown): number {
  return String(a) < String(b) ? -1 : 1;
}

/** Splits at blanks; `'…'` keeps them. */
function wordsOf(line: string): string[] {
  const words = line.match(/'[^']*'|\S+/g) ?? [];
  return words.map((word) => word.replaceAll("'", "").replaceAll("DIR", filesDir));
}

function environment(withProxies: boolean): Record<string, string> {
  return {
    HOME: "/nonexistent",
    PATH: process.env["PATH"] ?? "",
    CLIENT_VAR: "from the client",
    DOCKER_CONFIG: withProxies ? join(filesDir, "proxies") : "/nonexistent",
  };
}

function outcome(
  line: string,
  code: number,
  errors: string,
  request: CreateOutcome["request"],
): CreateOutcome {
  return {
    line,
    code,
    errors: errors.replaceAll(filesDir, "DIR"),
    ...(request === undefined ? {} : { request }),
  };
}

/** Our own client's outcome. */
export async function wharfOutcome(line: string, withProxies: boolean): Promise<CreateOutcome> {
  return { ...(await wordsOutcome(wordsOf(line), withProxies)), line };
}

/** Our own client's outcome for words that are split already. */
export async function wordsOutcome(
  words: readonly string[],
  withProxies: boolean,
): Promise<CreateOutcome> {
  using recorder = openCreateRecorder();
  const { input, output, errors } = new TestCli();
  const code = await runCli(["-H", recorder.address, ...words], NO_PROGRAMS, {
    env: environment(withProxies),
    streams: { input, output, errors },
  });
  return outcome(words.join(" "), code, errors.text, recorder.take());
}

/** The outcome of the docker client of the PATH, with `docker` read as `wharf`. */
export async function dockerOutcome(line: string, withProxies: boolean): Promise<CreateOutcome> {
  using recorder = openCreateRecorder();
  const child = Bun.spawn(["docker", "-H", recorder.address, ...wordsOf(line)], {
    env: environment(withProxies),
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  });
  const errors = await new Response(child.stderr).text();
  const code = await child.exited;
  return outcome(line, code, errors.replaceAll(/\bdocker\b/g, "wharf"), recorder.take());
}
