import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { mustRun, runCommand } from "../../harness/command.ts";
import { DOCKER, startEngine, WHARF } from "../../harness/engine.ts";
import { RegistryServer } from "../../harness/registry/registry-server.ts";
import { waitUntil } from "../../harness/wait-until.ts";

/** A folder for `config.json`, of one user. */
class Home implements Disposable {
  readonly path: string = mkdtempSync("/var/tmp/wharf-e2e-home-");

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

test("a team's private registry: accounts by command line, login, push, pull, refused without rights", async () => {
  await using server = await RegistryServer.open();
  await using engine = await startEngine({ images: ["busybox"] });
  using admin = new Home();
  using alice = new Home();
  using bob = new Home();
  const manage = async (words: readonly string[], input = ""): Promise<string> => {
    const env = { DOCKER_CONFIG: admin.path, WHARF_REGISTRY: server.host };
    return (await mustRun([WHARF, "registry", ...words], { env, input })).stdout.trim();
  };
  const docker = async (home: Home, ...words: readonly string[]) =>
    await runCommand([DOCKER, "--config", home.path, "-H", engine.host, ...words]);
  const login = async (home: Home, name: string, password: string): Promise<void> => {
    const words = ["login", "-u", name, "--password-stdin", server.host];
    await mustRun([DOCKER, "--config", home.path, "-H", engine.host, ...words], {
      input: password,
    });
  };
  await login(admin, "admin", server.adminPassword);
  await manage(["user", "create", "alice"], "alices password\n");
  await manage(["user", "create", "bob"], "bobs password\n");
  await manage(["org", "create", "--quota", "1g", "acme"]);
  await manage(["org", "add-member", "acme", "alice"]);
  await manage(["team", "create", "acme", "builders"]);
  await manage(["team", "add", "acme", "builders", "alice"]);
  await manage(["repo", "grant", "acme/*", "team:acme/builders", "write"]);
  await login(alice, "alice", "alices password");
  await login(bob, "bob", "bobs password");

  const image = `${server.host}/acme/app:v1`;
  await mustRun([DOCKER, "-H", engine.host, "tag", "busybox", image]);
  const refused = await docker(bob, "push", image);
  expect([refused.exitCode, /denied|access|authoriz/i.test(refused.stderr)]).toEqual([1, true]);
  expect((await docker(alice, "push", image)).stderr).toBe("");
  await mustRun([DOCKER, "-H", engine.host, "rmi", image]);
  expect((await docker(bob, "pull", image)).exitCode).toBe(1);
  await manage(["repo", "grant", "acme/app", "user:bob", "read"]);
  expect((await docker(bob, "pull", image)).exitCode).toBe(0);
  await manage(["repo", "revoke", "acme/app", "user:bob"]);
  expect((await docker(bob, "pull", image)).exitCode).toBe(1);
  await manage(["repo", "update", "--public", "--description", "An app", "acme/app"]);
  using nobody = new Home();
  expect((await docker(nobody, "pull", image)).exitCode).toBe(0);
  expect(await manage(["repo", "tags", "acme/app"])).toContain("v1");
  expect(await manage(["repo", "ls", "an APP"])).toContain("acme/app");
  expect(await manage(["audit"])).toContain("manifest.push");

  const robot = await manage([
    "robot",
    "create",
    "--scope",
    "repository:acme/*:pull,push",
    "acme",
    "ci",
  ]);
  const [name = "", token = ""] = robot.split("\n");
  using ci = new Home();
  await login(ci, name, token);
  const other = `${server.host}/acme/other:v1`;
  await mustRun([DOCKER, "-H", engine.host, "tag", "busybox", other]);
  expect((await docker(ci, "push", other)).exitCode).toBe(0);
  expect(await manage(["gc", "--dry-run"])).toContain('"dryRun": true');
  expect(await manage(["stats"])).toContain('"repositories": 2');
}, 120_000);

test("TLS: a new certificate is served after SIGHUP, a broken one is not", async () => {
  const folder = mkdtempSync("/var/tmp/wharf-e2e-tls-");
  const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  const make = async (name: string): Promise<void> => {
    const subject = ["-subj", `/CN=${name}`, "-addext", "subjectAltName=IP:127.0.0.1"];
    const kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
    await mustRun([
      "openssl",
      "req",
      ...kind,
      "-days",
      "2",
      "-keyout",
      key,
      "-out",
      cert,
      ...subject,
    ]);
  };
  try {
    await make("first");
    await using server = await RegistryServer.open({
      flags: ["--auth", "none", "--tls-cert", cert, "--tls-key", key],
    });
    const served = async (): Promise<string> => {
      const words = ["s_client", "-connect", `127.0.0.1:${server.port}`];
      const { stdout } = await mustRun(["openssl", ...words], { input: "" });
      return /subject=(?:CN ?= ?)?.*?(first|second)/.exec(stdout)?.[1] ?? "";
    };
    expect(await served()).toBe("first");
    await make("second");
    server.signal("SIGHUP");
    await waitUntil("the second certificate", async () => (await served()) === "second");
    writeFileSync(cert, "nonsense");
    server.signal("SIGHUP");
    await waitUntil("the refusal", () => server.log().includes("Keeping the certificate"));
    expect(await served()).toBe("second");
    expect(await server.stop()).toBe(0);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 60_000);
