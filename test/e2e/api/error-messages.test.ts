// A user's script goes by Docker's error texts, HTTP statuses and exit codes: each of the reference is brought about.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttpServer, type Server as HttpServer } from "node:http";
import { type AddressInfo, createServer, type Server } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { dirname, join } from "node:path";
import { runCommand } from "../../harness/command.ts";
import { CACHE, startEngine, type TestEngine, WHARF } from "../../harness/engine.ts";
import { ELSEWHERE, ERROR_CASES } from "../../harness/api/error-cases.ts";
import { refusingRegistry } from "../../harness/registry/refusing-registry.ts";
import { waitUntil } from "../../harness/wait-until.ts";

interface ReferenceError {
  readonly when: string;
  /** `4xx/5xx` for any; null where no request is made. */
  readonly status: number | string | null;
  readonly message: string;
  readonly exitCode: number | string | null;
  readonly where: string;
}

const REFERENCE = JSON.parse(readFileSync("test/reference/error-messages.json", "utf8")) as {
  readonly errors: readonly ReferenceError[];
};

let engine: TestEngine;
let folder = "";
let env: Record<string, string> = {};
const servers: (Server | HttpServer)[] = [];

async function listen(server: Server | HttpServer): Promise<string> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return String((server.address() as AddressInfo).port);
}

/** Servers that are no engines, or odd ones. */
async function startServers(): Promise<Record<string, string>> {
  const odd = createHttpServer((request, response) => {
    if (request.url?.includes("_ping")) {
      response.writeHead(200, { "Api-Version": "1.51" }).end("OK");
    } else if (request.url?.includes("wordless")) {
      response.writeHead(500, { "Content-Type": "application/json" }).end('{"other":1}');
    } else response.writeHead(500, { "Content-Type": "application/json" }).end();
  });
  const tls = "src/client/testdata/tls";
  return {
    ODD_PORT: await listen(odd),
    REGISTRY: `127.0.0.1:${await listen(refusingRegistry(true))}`,
    LOGIN_REGISTRY: `127.0.0.1:${await listen(refusingRegistry(false))}`,
    DEAD_PORT: await listen(createServer((socket) => void socket.destroy())),
    TLS_PORT: await listen(
      createTlsServer({
        key: readFileSync(join(tls, "server-key.pem")),
        cert: readFileSync(join(tls, "server.pem")),
      }),
    ),
  };
}

async function create(name: string, ...args: string[]): Promise<string> {
  return await engine.mustWharf("create", "--name", name, ...args);
}

async function makeThings(): Promise<Record<string, string>> {
  const must = (...args: string[]) => engine.mustWharf(...args);
  const root = join(CACHE, "busybox.tar");
  const image = (...args: string[]) => must("import", ...args);
  const sleep = ["busybox", "sleep", "1000"];
  await must("run", "-d", "--name", "up", "--network", "none", ...sleep);
  await must("run", "--name", "ended", "--network", "none", "busybox", "true");
  await must("run", "-d", "--name", "held", "--network", "none", ...sleep);
  await must("pause", "held");
  await must("run", "-d", "--name", "many", "-p", "127.0.0.1::80", ...sleep);
  await must(
    "run",
    "-d",
    "--name",
    "unlogged",
    "--network",
    "none",
    "--log-driver",
    "none",
    ...sleep,
  );
  await must("network", "create", "--subnet", "10.213.7.0/24", "net");
  await must("run", "-d", "--name", "onnet", "--network", "net", "--ip", "10.213.7.9", ...sleep);
  await create("vol", "-v", "used:/v", "busybox");
  await create("nocommand", "--network", "none", "busybox", "nosuchcommand");
  await create("noexec", "--network", "none", "busybox", "/etc/passwd");
  const looping = ["--restart", "always", "--network", "none", "busybox", "false"];
  await must("run", "-d", "--name", "looping", ...looping);
  await image(root, "wordless:1");
  await image("--platform", "linux/s390x", root, "foreign:1");
  const twice = await image("-c", "LABEL twice=1", root, "twice:a");
  await must("tag", "twice:a", "three:b");
  const parent = await image("-c", "LABEL parent=1", root);
  await create("child", parent, "true");
  await must("commit", "child", "child:1");
  await must("rm", "child");
  const stopped = await image("-c", "LABEL stopped=1", root);
  await create("stopped", stopped, "true");
  await create("idle", stopped, "true");
  const exec = (await engine.api("POST", "/containers/up/exec", { Cmd: ["true"] })).json();
  const { Id } = (await exec) as { Id: string };
  await (await engine.api("POST", `/exec/${Id}/start`, { Detach: true })).text();
  await must("context", "create", "here", "--docker", `host=${engine.host}`);
  const publicPort = (await must("port", "many", "80")).split(":").at(-1) ?? "";
  return {
    PORT: publicPort,
    TWICE: twice,
    PARENT: parent,
    STOPPED_IMAGE: stopped,
    BUSYBOX: await must("image", "inspect", "-f", "{{.Id}}", "busybox"),
    EXEC_DONE: Id,
  };
}

/** Two containers whose ids begin with the same digit: of seventeen two do. */
async function sharedPrefix(): Promise<string> {
  const counts = new Map<string, number>();
  for (;;) {
    const list = (await (await engine.api("GET", "/containers/json?all=1")).json()) as {
      readonly Id: string;
    }[];
    counts.clear();
    for (const { Id } of list) {
      const digit = Id.slice(0, 1);
      counts.set(digit, (counts.get(digit) ?? 0) + 1);
      if ((counts.get(digit) ?? 0) > 1) return digit;
    }
    await engine.mustWharf("create", "busybox");
  }
}

beforeAll(async () => {
  const pool = ["--default-address-pool", "base=10.213.0.0/21,size=24"];
  engine = await startEngine({ flags: [...pool, "--max-download-attempts", "1"] });
  folder = mkdtempSync("/var/tmp/wharf-errors-");
  writeFileSync(join(folder, "file"), "text\n");
  mkdirSync(join(folder, "client"));
  env = {
    ...engine.environment(),
    PATH: `${dirname(WHARF)}:${process.env["PATH"] ?? ""}`,
    WHARF_AUTOSTART: "0",
    FOLDER: folder,
    SOCKET: engine.socket,
    ...(await startServers()),
    ...(await makeThings()),
    SHARED_PREFIX: await sharedPrefix(),
  };
  for (let count = 1; count < 9; count++) {
    const made = await engine.wharf(["network", "create", `fill${count}`]);
    if (made.exitCode !== 0) break;
  }
});
afterAll(async () => {
  for (const server of servers) server.close();
  rmSync(folder, { recursive: true, force: true });
  await engine[Symbol.asyncDispose]();
});

/** A reference's text as a pattern; our client calls itself `wharf` where docker's says `docker`. */
function patternOf(message: string): string {
  return message
    .replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&")
    .replaceAll("%s", "[^\\n]*")
    .replaceAll("%d", "\\d+")
    .replaceAll("%q", '"(?:[^"\\\\]|\\\\.)*"')
    .replaceAll("%c", ".")
    .replaceAll("argument\n", "arguments?\n")
    .replaceAll("runc create", "(?:crun|runc) create")
    .replace("connected to network", "connected to (?:the )?network")
    .replaceAll(/\bdocker(?=:| )/g, "(?:docker|wharf)");
}

function expectedExit({ exitCode, message }: ReferenceError, command: string): number {
  if (exitCode === "128+n") return 143;
  if (/argument\n/.test(message)) return 1;
  const isFlag = /^(unknown|flag needs|flag )/.test(message) && exitCode === 125;
  if (isFlag || (exitCode !== 1 && exitCode !== 125)) return Number(exitCode);
  if (/wharf run .*-it/.test(command)) return 1;
  return /wharf run\b/.test(command) && !command.endsWith("exit 1") ? 125 : 1;
}

async function checkRequest(entry: ReferenceError, line: string): Promise<void> {
  const [, method = "", path = "", , body] =
    /^(?:curl-text )?(\w+) (\S+)( (.*))?$/.exec(line) ?? [];
  const url = path.replaceAll(/\$(\w+)/g, (_, name: string) => env[name] ?? "");
  const answer = await fetch(`http://wharf${url}`, {
    method,
    unix: engine.socket,
    headers: {
      "Content-Type": line.startsWith("curl-text") ? "text/plain" : "application/json",
    },
    ...(body === undefined ? {} : { body }),
  });
  const text = await answer.text();
  const message = text === "" ? entry.message : (JSON.parse(text) as { message: string }).message;
  expect([line, answer.status, message]).toEqual([
    line,
    Number(entry.status),
    expect.stringMatching(new RegExp(`^(?:[^\\n]*: )?${patternOf(entry.message)}`)),
  ]);
}

async function checkCommand(entry: ReferenceError, line: string): Promise<void> {
  const terminal = /^tty (.*)$/.exec(line)?.[1];
  const argv =
    terminal === undefined ? ["bash", "-c", line] : ["script", "-qec", terminal, "/dev/null"];
  const result = await runCommand(argv, { env, timeoutMs: 30_000 });
  const output = terminal === undefined ? result.stderr : result.stdout.replaceAll("\r", "");
  // 304 has no text, and a client says nothing of it
  const pattern = entry.status === 304 ? "^$" : patternOf(entry.message);
  expect([line, result.exitCode, output]).toEqual([
    line,
    expectedExit(entry, line),
    expect.stringMatching(new RegExp(pattern)),
  ]);
  expect(output).not.toMatch(/^\s+at .*:\d+:\d+/m);
}

async function check(entry: ReferenceError, line: string): Promise<void> {
  const isRequest = /^(curl-text )?(GET|POST|PUT|DELETE) /.test(line);
  const once = async (): Promise<true> => {
    await (isRequest ? checkRequest(entry, line) : checkCommand(entry, line));
    return true;
  };
  // a container that restarts again and again runs for a moment each time
  if (!entry.when.endsWith("while restarting")) await once();
  else await waitUntil(line, () => once().catch(() => false));
}

describe("an error of Docker's is told in its words:", () => {
  for (const entry of REFERENCE.errors) {
    const lines = ERROR_CASES[entry.when];
    if (lines === undefined) continue;
    test(entry.when, async () => {
      for (const line of lines) await check(entry, line);
    });
  }
});

test("every error of the reference is brought about, or is known to be elsewhere", () => {
  const known = { ...ERROR_CASES, ...ELSEWHERE };
  expect(REFERENCE.errors.map((entry) => entry.when).filter((when) => !known[when])).toEqual([]);
});
