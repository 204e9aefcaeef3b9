// A user of old scripts links containers of the default network, and finds them up after a reboot.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { startEngine, type TestEngine } from "../../harness/engine.ts";
import { takeHostDown } from "../../harness/reboot.ts";
import { waitUntil } from "../../harness/wait-until.ts";

let engine: TestEngine;
beforeAll(async () => {
  engine = await startEngine();
});
afterAll(() => engine[Symbol.asyncDispose]());

const addressOf = (name: string) =>
  engine.mustDocker("inspect", "-f", "{{.NetworkSettings.IPAddress}}", name);
const hosts = () => engine.mustDocker("exec", "web", "cat", "/etc/hosts");

test("a link gives name and variables, and the way to its target", async () => {
  await engine.mustDocker(
    ...["run", "-d", "--name", "db", "-h", "dbhost", "--expose", "5432", "-e", "SECRET=1"],
    ...["busybox", "sh", "-c", "echo pong >/tmp/x; exec httpd -f -p 5432 -h /tmp"],
  );
  await engine.mustDocker(
    ...["run", "-d", "--name", "web", "--link", "db:data-base", "busybox", "sleep", "1000"],
  );
  const address = await addressOf("db");
  expect(await hosts()).toContain(`${address}\tdata-base dbhost db`);
  const environment = (await engine.mustDocker("exec", "web", "env")).split("\n");
  expect(environment).toEqual(
    expect.arrayContaining([
      `DATA_BASE_PORT=tcp://${address}:5432`,
      `DATA_BASE_PORT_5432_TCP_ADDR=${address}`,
      "DATA_BASE_NAME=/web/data-base",
      "DATA_BASE_ENV_SECRET=1",
    ]),
  );
  const answer = await waitUntil("the link carries", async () => {
    const { stdout } = await engine.docker(["exec", "web", "wget", "-qO-", "data-base:5432/x"]);
    return stdout.includes("pong") && stdout;
  });
  expect(answer).toBe("pong\n");
  const first = await engine.mustDocker("exec", "web", "cat", "/proc/1/environ");
  expect(first).toContain(`DATA_BASE_PORT=tcp://${address}:5432`);
});

test("ps and inspect show it as Docker does", async () => {
  expect(await engine.mustDocker("inspect", "-f", "{{json .HostConfig.Links}}", "web")).toBe(
    '["/db:/web/data-base"]',
  );
  const names = await engine.mustDocker("ps", "--no-trunc", "--format", "{{.Names}}");
  expect(names.split("\n")).toContain("db,web/data-base");
  expect(await engine.mustDocker("inspect", "-f", "{{.Name}}", "web/data-base")).toBe("/db");
});

test("the hosts file follows a target that comes back with another address", async () => {
  const before = await addressOf("db");
  await engine.mustDocker("stop", "-t", "0", "db");
  // takes the address that has come free, or lets the next be another
  await engine.mustDocker("run", "-d", "--name", "squatter", "busybox", "sleep", "1000");
  await engine.mustDocker("start", "db");
  const after = await addressOf("db");
  expect(after).not.toBe(before);
  expect(await hosts()).toContain(`${after}\tdata-base dbhost db`);
  expect(await hosts()).not.toContain(`${before}\tdata-base`);
  await engine.mustDocker("rm", "-f", "squatter");
});

test("a target that is not there or does not run is refused in Docker's words", async () => {
  const missing = await engine.docker(["create", "--link", "nosuch", "busybox"]);
  expect(missing.stderr).toContain("could not get container for nosuch: No such container: nosuch");
  await engine.mustDocker("stop", "-t", "0", "db", "web");
  const start = await engine.api("POST", "/containers/web/start");
  expect([start.status, await start.json()]).toMatchObject([
    500,
    { message: "Cannot link to a non running container: /db AS /web/data-base" },
  ]);
  const { ExitCode, Error } = JSON.parse(
    await engine.mustDocker("inspect", "-f", "{{json .State}}", "web"),
  );
  expect(ExitCode).toBe(137); // of its last run
  expect(Error).toBe("Cannot link to a non running container: /db AS /web/data-base");
  const host = await engine.docker(["create", "--network", "host", "--link", "db", "busybox"]);
  expect(host.stderr).toContain("host type networking can't be used with links");
});

test("rm --link takes the link and leaves the containers", async () => {
  await engine.mustDocker("start", "db");
  await engine.mustDocker("start", "web");
  const own = await engine.docker(["rm", "--link", "web"]);
  expect(own.stderr).toContain("Conflict, cannot remove the default link name of the container");
  expect(await engine.mustDocker("rm", "--link", "/web/data-base")).toBe("/web/data-base");
  expect(await engine.mustDocker("inspect", "-f", "{{json .HostConfig.Links}}", "web")).toBe(
    "null",
  );
  expect(await hosts()).not.toContain("data-base");
  await engine.mustDocker("rm", "-f", "web", "db");
});

test("after a reboot each comes after what it needs", async () => {
  const run = (name: string, ...options: string[]) =>
    engine.mustDocker(
      "run",
      "-d",
      "--restart",
      "always",
      "--name",
      name,
      ...options,
      "busybox",
      "top",
    );
  await run("store");
  await run("api", "--link", "store:db");
  await run("proxy", "--network", "container:api");
  await run("peek", "--pid", "container:api");
  await run("backup", "--volumes-from", "proxy");
  await engine.mustDocker("run", "-d", "--name", "off", "busybox", "top"); // comes back with no policy
  await run("orphan", "--link", "off");
  await takeHostDown(engine);
  await engine.start();
  const running = (await engine.mustDocker("ps", "--format", "{{.Names}}")).split("\n").sort();
  expect(running).toEqual(["api", "backup", "peek", "proxy", "store"]);
  expect(engine.daemonLog()).toContain(
    "Cannot restart container orphan: Cannot link to a non running container: /off AS /orphan/off",
  );
});
