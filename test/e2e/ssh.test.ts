// A user reaches an engine on another machine through ssh. The sshd is Debian's, in a container with a port on loopback.
import { expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { mustRun, runCommand } from "../harness/command.ts";
import { DOCKER, startEngine, WHARF } from "../harness/engine.ts";
import { waitUntil } from "../harness/wait-until.ts";

test("docker and wharf run containers through ssh:// and system dial-stdio", async () => {
  await using engine = await startEngine({ images: ["busybox", "programs"] });
  const folder = mkdtempSync("/var/tmp/wharf-ssh-");
  try {
    await mustRun(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", join(folder, "key")]);
    // What the far side has on its PATH: our executable, as `wharf` and as `docker`.
    const wrapper = join(folder, "wrapper");
    writeFileSync(wrapper, '#!/bin/sh\nDOCKER_HOST=unix:///engine.sock exec /opt/wharf "$@"\n');
    chmodSync(wrapper, 0o755);
    const script = [
      "mkdir -p /run/sshd /root/.ssh; cp /key.pub /root/.ssh/authorized_keys",
      "chown -R root:root /root; chmod 700 /root /root/.ssh; chmod 600 /root/.ssh/authorized_keys",
      "exec /usr/sbin/sshd -D -e",
    ].join("\n");
    await engine.mustWharf(
      ...["run", "-d", "--name", "far", "-p", "127.0.0.1::22"],
      ...["-v", `${WHARF}:/opt/wharf:ro`, "-v", `${engine.socket}:/engine.sock`],
      ...["-v", `${wrapper}:/usr/local/bin/wharf:ro`, "-v", `${wrapper}:/usr/local/bin/docker:ro`],
      ...["-v", `${join(folder, "key.pub")}:/key.pub:ro`, "programs", "bash", "-c", script],
    );
    const port = (await engine.mustWharf("port", "far", "22/tcp")).split(":").at(-1);
    const path = join(folder, "path");
    mkdirSync(path);
    const options = `-i ${join(folder, "key")} -o UserKnownHostsFile=/dev/null -o StrictHostKeyChecking=no -o LogLevel=ERROR`;
    writeFileSync(join(path, "ssh"), `#!/bin/sh\nexec /usr/bin/ssh ${options} "$@"\n`);
    chmodSync(join(path, "ssh"), 0o755);
    const env = {
      DOCKER_HOST: `ssh://root@127.0.0.1:${port}`,
      DOCKER_CONTEXT: "",
      DOCKER_CONFIG: join(folder, "client"),
      PATH: `${path}:${process.env["PATH"]}`,
    };
    await waitUntil("sshd answers", async () => {
      const result = await runCommand(["ssh", "-p", String(port), "root@127.0.0.1", "true"], {
        env,
      });
      return result.exitCode === 0;
    });
    for (const client of [DOCKER, WHARF]) {
      const result = await runCommand([client, "run", "--rm", "-i", "busybox", "cat"], {
        env,
        input: "through ssh",
      });
      expect(result).toMatchObject({ exitCode: 0, stdout: "through ssh" });
    }
    const wrong = await runCommand([WHARF, "-H", "ssh://root@127.0.0.1:1", "version"], { env });
    expect(wrong.exitCode).toBe(1);
    expect(wrong.stderr).toContain("127.0.0.1");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
