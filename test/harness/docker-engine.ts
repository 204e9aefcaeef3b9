import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type CommandOptions, type CommandResult, runCommand } from "./command.ts";
import { CACHE, DOCKER } from "./engine.ts";
import { waitUntil } from "./wait-until.ts";

/** Debian's docker.io and containerd, unpacked beside the test images. */
const UNPACKED = join(CACHE, "dockerd");
const DOCKERD = join(UNPACKED, "usr/sbin/dockerd");

/**
 * Docker's own engine with folders of its own, as a client of registries: it touches neither the host's network nor its
 * firewall, and runs no containers.
 */
export class DockerEngine implements AsyncDisposable {
  readonly root: string = mkdtempSync("/var/tmp/wharf-e2e-dockerd-");
  #process: Bun.Subprocess | undefined;

  /** @returns Undefined, told as a skip, where Docker's engine is not unpacked or does not come up. */
  static async start(): Promise<DockerEngine | undefined> {
    if (!existsSync(DOCKERD)) {
      console.log("SKIP Docker's engine as a client of the registry: it is not unpacked");
      return undefined;
    }
    const engine = new DockerEngine();
    try {
      if (await engine.#start()) return engine;
      console.log(`SKIP Docker's engine does not come up here: ${engine.#lastWords()}`);
    } catch (error) {
      await engine[Symbol.asyncDispose]();
      throw error;
    }
    await engine[Symbol.asyncDispose]();
    return undefined;
  }

  get host(): string {
    return `unix://${this.root}/docker.sock`;
  }

  /** The docker CLI, which keeps what it knows of `user` apart. */
  async docker(
    user: string,
    words: readonly string[],
    options: CommandOptions = {},
  ): Promise<CommandResult> {
    const own = join(UNPACKED, "usr/bin/docker");
    const argv = [existsSync(own) ? own : DOCKER, "--config", join(this.root, `home-${user}`)];
    return await runCommand([...argv, "-H", this.host, ...words], options);
  }

  /** @throws {Error} With what it printed, when it fails. */
  async mustDocker(
    user: string,
    words: readonly string[],
    options: CommandOptions = {},
  ): Promise<string> {
    const result = await this.docker(user, words, options);
    if (result.exitCode === 0) return result.stdout.trim();
    throw new Error(`docker ${words.join(" ")}: ${result.exitCode}\n${result.stderr}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process?.kill("SIGTERM");
    await this.#process?.exited;
    rmSync(this.root, { recursive: true, force: true });
  }

  async #start(): Promise<boolean> {
    writeFileSync(join(this.root, "daemon.json"), "{}"); // the host's own is not for this one
    const log = openSync(join(this.root, "log"), "a");
    const child = Bun.spawn(
      [
        ...[DOCKERD, "-H", this.host, "--pidfile", join(this.root, "pid"), "--group", "root"],
        ...["--data-root", join(this.root, "data"), "--exec-root", join(this.root, "run")],
        ...["--storage-driver", "vfs", "--bridge", "none", "--iptables=false"],
        ...[
          "--ip-forward=false",
          "--ip-masq=false",
          "--config-file",
          join(this.root, "daemon.json"),
        ],
      ],
      {
        stdin: "ignore",
        stdout: log,
        stderr: log,
        env: {
          ...process.env,
          PATH: `${join(UNPACKED, "usr/bin")}:${process.env["PATH"] ?? ""}`,
          LD_LIBRARY_PATH: libraryFolders(),
        },
      },
    );
    closeSync(log);
    this.#process = child;
    return await waitUntil(
      "Docker's engine answers",
      async () => {
        if (child.exitCode !== null) return "ended";
        const unix = join(this.root, "docker.sock");
        const answer = await fetch("http://docker/_ping", { unix }).catch(() => undefined);
        return answer?.ok === true ? "answers" : undefined;
      },
      60_000,
    ).then((state) => state === "answers");
  }

  #lastWords(): string {
    return readFileSync(join(this.root, "log"), "utf8").trim().split("\n").at(-1) ?? "";
  }
}

/** Of the unpacked packages, as far as some came. */
function libraryFolders(): string {
  const found = ["lib", "usr/lib"].flatMap((name) => {
    const folder = join(UNPACKED, name);
    const entries = existsSync(folder) ? readdirSync(folder) : [];
    return entries.filter((entry) => entry.includes("linux-gnu")).map((one) => join(folder, one));
  });
  return found.join(":");
}
