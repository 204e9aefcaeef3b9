import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { mustRun, runCommand } from "./command.ts";
import { type TestEngine, WHARF } from "./engine.ts";
import { waitUntil } from "./wait-until.ts";

/** Another machine, as ssh sees it. */
export interface SshHost {
  /** `ssh://root@127.0.0.1:PORT` */
  readonly address: string;
  /** For clients: a `PATH` whose ssh knows the key, and no configuration of anybody's. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Starts Debian's sshd in a container of `engine`, with a port on loopback and keys of its own; on its far side `wharf`
 * and `docker` are ours and talk to an engine.
 *
 * @param engine Has the image `programs`.
 * @param farSocket Of the engine that is reached.
 * @param folder For keys and programs; the caller's to remove.
 */
export async function openSshHost(
  engine: TestEngine,
  farSocket: string,
  folder: string,
): Promise<SshHost> {
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
  const container = await engine.mustWharf(
    ...["run", "-d", "-p", "127.0.0.1::22"],
    ...["-v", `${WHARF}:/opt/wharf:ro`, "-v", `${farSocket}:/engine.sock`],
    ...["-v", `${wrapper}:/usr/local/bin/wharf:ro`, "-v", `${wrapper}:/usr/local/bin/docker:ro`],
    ...["-v", `${join(folder, "key.pub")}:/key.pub:ro`, "programs", "bash", "-c", script],
  );
  const port = (await engine.mustWharf("port", container, "22/tcp")).split(":").at(-1);
  const path = join(folder, "path");
  mkdirSync(path);
  const options = `-i ${join(folder, "key")} -o UserKnownHostsFile=/dev/null -o StrictHostKeyChecking=no -o LogLevel=ERROR`;
  writeFileSync(join(path, "ssh"), `#!/bin/sh\nexec /usr/bin/ssh ${options} "$@"\n`);
  chmodSync(join(path, "ssh"), 0o755);
  const env = {
    DOCKER_CONTEXT: "",
    DOCKER_CONFIG: join(folder, "client"),
    PATH: `${path}:${process.env["PATH"]}`,
  };
  await waitUntil("sshd answers", async () => {
    const argv = ["ssh", "-p", String(port), "root@127.0.0.1", "true"];
    return (await runCommand(argv, { env })).exitCode === 0;
  });
  return { address: `ssh://root@127.0.0.1:${port}`, env };
}
