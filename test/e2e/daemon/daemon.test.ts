// An operator starts, configures, secures and stops the engine.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { mustRun, runCommand } from "../../harness/command.ts";
import { DOCKER, startEngine, TestEngine, WHARF } from "../../harness/engine.ts";
import { waitUntil } from "../../harness/wait-until.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync("/var/tmp/wharf-daemon-");
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** A daemon that should refuse to start: what it says, with its exit code. */
async function refusal(...flags: string[]): Promise<string> {
  const result = await runCommand(
    [
      WHARF,
      "daemon",
      "--data-root",
      join(folder, "d"),
      "--exec-root",
      join(folder, "r"),
      "--pidfile",
      join(folder, "p"),
      ...flags,
    ],
    { timeoutMs: 10_000 },
  );
  expect(result.exitCode).toBe(1);
  return result.stderr;
}

describe("starting", () => {
  test("refuses plain tcp unless told, unknown flags and keys with the nearest", async () => {
    expect(await refusal("-H", "tcp://127.0.0.1:0")).toContain("--tls=false");
    const config = join(folder, "daemon.json");
    writeFileSync(config, '{"storage-drver": "overlay2"}');
    const unknown = await refusal("-H", `unix://${folder}/s`, "--config-file", config);
    expect(unknown).toContain("storage-drver");
    expect(unknown).toContain("storage-driver");
    writeFileSync(config, "{");
    expect(await refusal("-H", `unix://${folder}/s`, "--config-file", config)).toContain(config);
    writeFileSync(config, '{"debug": true}');
    expect(await refusal("-H", `unix://${folder}/s`, "--config-file", config, "--debug")).toContain(
      "debug",
    );
  });

  test("a second engine on the same data root is refused", async () => {
    await using engine = await startEngine({ images: [] });
    const second = await runCommand(
      [
        WHARF,
        "daemon",
        "-H",
        `unix://${folder}/s2`,
        "--data-root",
        join(engine.root, "data"),
        "--exec-root",
        join(folder, "r2"),
        "--pidfile",
        join(folder, "p2"),
      ],
      { timeoutMs: 10_000 },
    );
    expect(second.exitCode).toBe(1);
    expect(second.stderr).toContain(join(engine.root, "data"));
  });

  test("the socket is for root and one group only", async () => {
    await using engine = await startEngine({ images: [] });
    expect(statSync(engine.socket).mode & 0o777).toBe(0o660);
  });

  test("an existing bridge is used and never deleted", async () => {
    const engine = new TestEngine({});
    await mustRun(["ip", "link", "add", engine.bridge, "type", "bridge"]);
    await mustRun(["ip", "addr", "add", "10.231.17.1/24", "dev", engine.bridge]);
    try {
      await engine.start();
      await engine.importImage("busybox");
      expect(
        await engine.mustWharf("run", "--rm", "busybox", "ip", "-4", "addr", "show", "eth0"),
      ).toContain("10.231.17.");
      await engine.stop();
      expect((await runCommand(["ip", "link", "show", engine.bridge])).exitCode).toBe(0);
    } finally {
      await runCommand(["ip", "link", "del", engine.bridge]);
      rmSync(engine.root, { recursive: true, force: true });
    }
  });
});

describe("stopping", () => {
  test("SIGTERM ends an idle engine with exit code 0 in under two seconds", async () => {
    await using engine = await startEngine();
    const start = performance.now();
    expect(await engine.stop()).toBe(0);
    expect(performance.now() - start).toBeLessThan(2_000);
  });

  test("with --live-restore containers run on and are taken over", async () => {
    await using engine = await startEngine({ flags: ["--live-restore"] });
    await engine.mustWharf(
      "run",
      "-d",
      "--name",
      "on",
      "busybox",
      "sh",
      "-c",
      "while :; do date; sleep 0.1; done",
    );
    const pid = await engine.mustWharf("inspect", "-f", "{{.State.Pid}}", "on");
    await engine.stop();
    process.kill(Number(pid), 0);
    await engine.start();
    expect(await engine.mustWharf("inspect", "-f", "{{.State.Pid}} {{.State.Status}}", "on")).toBe(
      `${pid} running`,
    );
    expect(await engine.mustWharf("exec", "on", "echo", "here")).toBe("here");
  });

  test("without it containers get their stop signal and time, and keep their exit codes", async () => {
    await using engine = await startEngine();
    await engine.mustWharf(
      "run",
      "-d",
      "--name",
      "polite",
      "busybox",
      "sh",
      "-c",
      "trap 'exit 6' TERM; echo up; while :; do sleep 0.05; done",
    );
    await waitUntil("it is up", async () => (await engine.mustWharf("logs", "polite")) === "up");
    await engine.stop();
    await engine.start();
    expect(
      await engine.mustWharf("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "polite"),
    ).toBe("exited 6");
  });
});

describe("tcp with mutual TLS", () => {
  /** A throw-away authority with a server and a client certificate. */
  async function certificates(): Promise<void> {
    const openssl = (...args: string[]) => mustRun(["openssl", ...args]);
    const at = (name: string) => join(folder, name);
    await openssl(
      "req",
      "-x509",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:P-256",
      "-nodes",
      "-days",
      "2",
      "-subj",
      "/CN=test authority",
      "-keyout",
      at("ca-key.pem"),
      "-out",
      at("ca.pem"),
    );
    for (const [name, usage] of [
      ["server", "serverAuth"],
      ["client", "clientAuth"],
    ] as const) {
      writeFileSync(
        at(`${name}.ext`),
        `subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=${usage}\n`,
      );
      await openssl(
        "req",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-subj",
        `/CN=${name}`,
        "-keyout",
        at(`${name}-key.pem`),
        "-out",
        at(`${name}.csr`),
      );
      await openssl(
        "x509",
        "-req",
        "-days",
        "2",
        "-in",
        at(`${name}.csr`),
        "-CA",
        at("ca.pem"),
        "-CAkey",
        at("ca-key.pem"),
        "-CAcreateserial",
        "-extfile",
        at(`${name}.ext`),
        "-out",
        at(`${name}.pem`),
      );
    }
  }

  test("lets in who has a certificate of the authority, and nobody else", async () => {
    await certificates();
    const port = 20_000 + (process.pid % 20_000);
    const host = `tcp://127.0.0.1:${port}`;
    await using engine = await startEngine({
      flags: [
        "-H",
        host,
        "--tlsverify",
        "--tlscacert",
        join(folder, "ca.pem"),
        "--tlscert",
        join(folder, "server.pem"),
        "--tlskey",
        join(folder, "server-key.pem"),
      ],
    });
    expect(engine.pid).toBeGreaterThan(0);
    const tls = [
      "-H",
      host,
      "--tlsverify",
      "--tlscacert",
      join(folder, "ca.pem"),
      "--tlscert",
      join(folder, "client.pem"),
      "--tlskey",
      join(folder, "client-key.pem"),
    ];
    for (const client of [DOCKER, WHARF]) {
      const env = { DOCKER_HOST: "", DOCKER_CONTEXT: "", DOCKER_CONFIG: join(folder, "config") };
      const allowed = await runCommand([client, ...tls, "run", "--rm", "-i", "busybox", "cat"], {
        env,
        input: "over tls",
      });
      expect(allowed).toMatchObject({ exitCode: 0, stdout: "over tls" });
      const stranger = await runCommand([client, "-H", host, "--tls", "version"], { env });
      expect(stranger.exitCode).toBe(1);
      const plain = await runCommand([client, "-H", host, "version"], { env });
      expect(plain.exitCode).toBe(1);
    }
  });
});
