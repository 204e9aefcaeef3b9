// A shop as people run it: nginx in front of an application in front of PostgreSQL and redis, on one network of its
// own, found by name, only nginx published.
import { expect, test } from "bun:test";
import type { TestEngine } from "../harness/engine.ts";
import { waitUntil } from "../harness/wait-until.ts";

const DATABASE = [
  "set -e; mkdir /pg; chown postgres /pg; cd /pg; B=/usr/lib/postgresql/15/bin",
  'su postgres -c "$B/initdb -D data -N --auth=trust >/dev/null"',
  "echo 'host all all all trust' >>data/pg_hba.conf",
  "exec su postgres -c \"exec $B/postgres -D data -c listen_addresses='*' -c unix_socket_directories=/tmp -c fsync=off\"",
].join("\n");

/** Takes an order in the database, counts a visit in redis, and says how many there are. */
const APPLICATION = `
use IO::Socket::INET;
my $server = IO::Socket::INET->new(LocalPort => 8000, Listen => 20, ReuseAddr => 1) or die $!;
while (my $client = $server->accept) {
  while (my $line = <$client>) { last if $line =~ /^\\r?$/ }
  my $sql = "insert into orders default values; select count(*) from orders";
  my $orders = qx(psql -qtA -h db -U postgres -c '$sql' 2>&1);
  my $visits = qx(redis-cli -h cache incr visits 2>&1);
  s/\\s+$// for $orders, $visits;
  my $body = "orders $orders visits $visits\\n";
  print $client "HTTP/1.0 200 OK\\r\\nContent-Length: ", length $body, "\\r\\n\\r\\n", $body;
  close $client;
}
`;

const FRONT = `
daemon off; events {}
http {
  access_log off;
  resolver 127.0.0.11 valid=1s ipv6=off;
  proxy_connect_timeout 2s;
  server { listen 80; location / { set $shop http://shop-app:8000; proxy_pass $shop; } }
}
`;

/** @param open The engine, which has image `programs`. */
export function shopStory(open: () => TestEngine): void {
  const docker = (...args: string[]) => open().mustDocker(...args);
  const run = (name: string, options: readonly string[], ...command: string[]) =>
    docker("run", "-d", "--name", name, "--network", "shop", ...options, "programs", ...command);

  async function page(): Promise<string> {
    const port = (await docker("port", "front", "80")).split("\n")[0]?.split(":").at(-1);
    const answer = await fetch(`http://127.0.0.1:${port}/`, {
      signal: AbortSignal.timeout(10_000),
    });
    return `${answer.status} ${(await answer.text()).trim()}`;
  }

  test("the shop comes up, and its parts find each other by name", async () => {
    await docker("network", "create", "shop");
    await run("db", ["--init"], "sh", "-c", DATABASE);
    const redis = ["redis-server", "--protected-mode", "no", "--bind", "0.0.0.0", "--save", ""];
    await run("cache", [], ...redis);
    await run("app", ["--network-alias", "shop-app"], "perl", "-e", APPLICATION);
    await run(
      "front",
      ["-p", "80"],
      ...["sh", "-c", `printf '%s' "$0" >/tmp/nginx.conf; exec nginx -c /tmp/nginx.conf`, FRONT],
    );
    const sql = "create table orders (id serial)";
    const ready = ["exec", "app", "psql", "-h", "db", "-U", "postgres", "-c", sql];
    await waitUntil(
      "PostgreSQL takes orders",
      async () => (await open().docker(ready)).exitCode === 0,
    );
    await waitUntil("the shop is open", async () =>
      (await page().catch(() => "")).startsWith("200"),
    );
    const counts = async () =>
      /^200 orders (\d+) visits (\d+)$/
        .exec(await page())
        ?.slice(1)
        .map(Number);
    const [orders = Number.NaN, visits = Number.NaN] = (await counts()) ?? [];
    expect(await counts()).toEqual([orders + 1, visits + 1]);
  }, 60_000);

  test("only nginx is published, and nobody outside knows the names", async () => {
    for (const name of ["db", "cache", "app"]) expect(await docker("port", name)).toBe("");
    await docker("network", "create", "elsewhere");
    const lookup = ["run", "--rm", "--network", "elsewhere", "programs", "getent", "hosts", "db"];
    expect((await open().docker(lookup)).exitCode).not.toBe(0);
    await docker("network", "rm", "elsewhere");
    const json = await docker("network", "inspect", "-f", "{{json .Containers}}", "shop");
    const names = Object.values(JSON.parse(json) as Record<string, { Name: string }>);
    expect(names.map(({ Name }) => Name).toSorted()).toEqual(["app", "cache", "db", "front"]);
  }, 30_000);

  test("a part that leaves is missed, and found again at another address", async () => {
    const address = () =>
      docker("inspect", "-f", "{{.NetworkSettings.Networks.shop.IPAddress}}", "app");
    const before = await address();
    await docker("network", "disconnect", "shop", "app");
    // 504 as long as nginx remembers the address, where nobody answers any more
    await waitUntil("nginx misses the application", async () => /^50[24]/.test(await page()));
    // somebody else has the address meanwhile
    await run("squatter", [], "sleep", "1000");
    await docker("network", "connect", "--alias", "shop-app", "shop", "app");
    expect(await address()).not.toBe(before);
    await waitUntil("the shop is open again", async () => (await page()).startsWith("200"));
    await docker("rm", "-f", "squatter");
  }, 30_000);

  test("the shop outlives the engine, names and all", async () => {
    await open().crash();
    await open().start();
    await waitUntil("the shop answers", async () => (await page()).startsWith("200"));
    await docker("rm", "-f", "front", "app", "cache", "db");
    await docker("network", "rm", "shop");
  }, 30_000);
}
