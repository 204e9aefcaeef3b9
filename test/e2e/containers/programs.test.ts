// Real servers from Debian's packages: written to, stopped, started and read back by their own clients.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mustRun, runCommand } from "../../harness/command.ts";
import { startEngine, type TestEngine } from "../../harness/engine.ts";
import { waitUntil } from "../../harness/wait-until.ts";
import { shopStory } from "../../stories/shop.ts";

let engine: TestEngine;
beforeAll(async () => {
  engine = await startEngine({ images: ["programs"] });
}, 120_000);
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
});

async function portOf(name: string, port: string): Promise<string> {
  return (await engine.mustWharf("port", name, port)).split("\n")[0]?.split(":").at(-1) ?? "";
}

/** A client of the image on the host's network, so that it comes in through the published port. */
async function client(...args: string[]): Promise<string> {
  const result = await engine.wharf(["run", "--rm", "--network", "host", "programs", ...args]);
  if (result.exitCode !== 0) throw new Error(result.stderr);
  return result.stdout.trim();
}

test("nginx serves files of a volume through a published port", async () => {
  await engine.mustWharf(
    ...["run", "-d", "--name", "web", "-p", "80", "-v", "site:/var/www/html", "programs"],
    ...["nginx", "-g", "daemon off;"],
  );
  await engine.mustWharf(
    "exec",
    "web",
    "sh",
    "-c",
    "echo '<h1>ahoy</h1>' >/var/www/html/index.html",
  );
  const page = async () =>
    await mustRun([
      "curl",
      "-fs",
      "--retry",
      "50",
      "--retry-all-errors",
      "--retry-delay",
      "0",
      "--retry-max-time",
      "10",
      `http://127.0.0.1:${await portOf("web", "80")}/`,
    ]);
  expect((await page()).stdout).toBe("<h1>ahoy</h1>\n");
  await engine.mustWharf("stop", "web");
  await engine.mustWharf("start", "web");
  expect((await page()).stdout).toBe("<h1>ahoy</h1>\n");
  const many = await runCommand([
    ...[
      "curl",
      "-fs",
      "-o",
      "/dev/null",
      "-w",
      "%{http_code}\\n",
      `http://127.0.0.1:${await portOf("web", "80")}/index.html?[1-200]`,
    ],
  ]);
  expect(
    many.stdout
      .trim()
      .split("\n")
      .filter((code) => code === "200").length,
  ).toBe(200);
  await engine.mustWharf("rm", "-fv", "web");
});

test("redis-server keeps what redis-cli wrote over a stop and a crash of the engine", async () => {
  await engine
    .mustWharf(
      ...[
        "run",
        "-d",
        "--name",
        "cache",
        "-p",
        "127.0.0.1::6379",
        "-v",
        "cache:/var/lib/redis",
        "-w",
        "/var/lib/redis",
        "-u",
        "redis",
        "programs",
      ],
      ...[
        "redis-server",
        "--appendonly",
        "yes",
        "--protected-mode",
        "no",
        "--bind",
        "0.0.0.0",
        "--dir",
        "/var/lib/redis",
      ],
    )
    .catch(async (error: unknown) => {
      throw new Error(`${String(error)}\n${engine.daemonLog()}`);
    });
  const cli = async (...args: string[]) =>
    await client("redis-cli", "-p", await portOf("cache", "6379"), ...args);
  await waitUntil("redis answers", async () => (await cli("ping").catch(() => "")) === "PONG");
  expect(await cli("set", "ship", "wharf")).toBe("OK");
  await engine.mustWharf("stop", "cache");
  await engine.mustWharf("start", "cache");
  await waitUntil("redis answers", async () => (await cli("ping").catch(() => "")) === "PONG");
  expect(await cli("get", "ship")).toBe("wharf");
  await engine.crash();
  await engine.start();
  expect(await cli("get", "ship")).toBe("wharf");
  await engine.mustWharf("rm", "-fv", "cache");
});

test("PostgreSQL keeps what psql wrote over a stop", async () => {
  const script = [
    "set -e; chown postgres /pg; cd /pg; B=/usr/lib/postgresql/15/bin",
    "[ -e data/PG_VERSION ] || su postgres -c \"$B/initdb -D data --auth-local=trust --auth-host=trust >/dev/null && echo 'host all all all trust' >>data/pg_hba.conf\"",
    "exec su postgres -c \"exec $B/postgres -D data -c listen_addresses='*' -c unix_socket_directories=/tmp\"",
  ].join("\n");
  await engine.mustWharf(
    ...[
      "run",
      "-d",
      "--name",
      "db",
      "--stop-signal",
      "SIGINT",
      "-p",
      "127.0.0.1::5432",
      "-v",
      "pg:/pg",
      "--init",
      "programs",
      "bash",
      "-c",
      script,
    ],
  );
  const psql = async (sql: string) =>
    await client(
      "psql",
      "-qAt",
      "-h",
      "127.0.0.1",
      "-p",
      await portOf("db", "5432"),
      "-U",
      "postgres",
      "-c",
      sql,
    );
  await waitUntil(
    "PostgreSQL answers",
    async () => (await psql("select 1").catch(() => "")) === "1",
    60_000,
  );
  await psql(
    "create table ships (name text); insert into ships select 'ship ' || n from generate_series(1, 1000) n",
  );
  await engine.mustWharf("stop", "db");
  await engine.mustWharf("start", "db");
  await waitUntil(
    "PostgreSQL answers",
    async () => (await psql("select 1").catch(() => "")) === "1",
    60_000,
  );
  expect(await psql("select count(*) from ships")).toBe("1000");
  await engine.mustWharf("rm", "-fv", "db");
});

shopStory(() => engine);
