import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { CACHE } from "../engine.ts";
import { waitUntil } from "../wait-until.ts";

export interface DockerRegistryOptions {
  /** Sections of its configuration, as YAML, beside those for storage and address. */
  readonly configuration?: string;
  /** Below `http:`, such as `tls:`; indented by two blanks. */
  readonly http?: string;
  readonly scheme?: "http" | "https";
}

/** Debian's docker-registry on a port of loopback, with a folder of its own. */
export class DockerRegistry implements AsyncDisposable {
  readonly root: string;
  readonly port: number;
  /** `127.0.0.1:PORT`, as it stands before an image's name. */
  readonly address: string;
  readonly #process: Bun.Subprocess;

  private constructor(root: string, port: number, process: Bun.Subprocess) {
    this.root = root;
    this.port = port;
    this.address = `127.0.0.1:${port}`;
    this.#process = process;
  }

  static async start(options: DockerRegistryOptions = {}): Promise<DockerRegistry> {
    const root = mkdtempSync("/var/tmp/wharf-registry-");
    const port = await freePort();
    const file = join(root, "config.yml");
    writeFileSync(
      file,
      [
        "version: 0.1",
        "log: {level: error}",
        "storage:",
        `  filesystem: {rootdirectory: ${join(root, "data")}}`,
        "  delete: {enabled: true}",
        "http:",
        `  addr: 127.0.0.1:${port}`,
        options.http ?? "",
        options.configuration ?? "",
        "",
      ].join("\n"),
    );
    const log = openSync(join(root, "log"), "a");
    const child = Bun.spawn(
      [join(CACHE, "docker-registry/usr/bin/docker-registry"), "serve", file],
      {
        stdin: "ignore",
        stdout: log,
        stderr: log,
      },
    );
    closeSync(log);
    const registry = new DockerRegistry(root, port, child);
    await waitUntil("the registry answers", async () => {
      if (child.exitCode !== null) throw new Error(readFileSync(join(root, "log"), "utf8"));
      try {
        const url = `${options.scheme ?? "http"}://127.0.0.1:${port}/`;
        await fetch(url, { tls: { rejectUnauthorized: false }, keepalive: false });
        return true;
      } catch (error) {
        // whom it asks for a certificate it talks to
        const code = error instanceof Error && "code" in error ? error.code : "";
        return options.scheme === "https" && code !== "ConnectionRefused";
      }
    });
    return registry;
  }

  /** The manifest that it has under a tag, byte for byte. */
  async manifest(repository: string, reference: string): Promise<string> {
    const answer = await fetch(`http://${this.address}/v2/${repository}/manifests/${reference}`, {
      headers: {
        Accept: [
          "application/vnd.oci.image.manifest.v1+json",
          "application/vnd.docker.distribution.manifest.v2+json",
          "application/vnd.oci.image.index.v1+json",
          "application/vnd.docker.distribution.manifest.list.v2+json",
        ].join(", "),
      },
      keepalive: false,
    });
    if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
    return await answer.text();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#process.exited;
    rmSync(this.root, { recursive: true, force: true });
  }
}

function freePort(): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const server = createServer();
  server.on("error", reject);
  server.listen(0, "127.0.0.1", () => {
    const address = server.address();
    server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
  });
  return promise;
}
