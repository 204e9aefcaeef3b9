import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { dirname, join } from "node:path";
import { mustRun } from "./command.ts";

const AUTHOR = ["-c", "user.name=test", "-c", "user.email=test@localhost"];

/** A Git repository that `git://` clients on this host can fetch, at a port of its own. */
export class GitServer implements AsyncDisposable {
  readonly folder: string;
  readonly #server: Server;
  readonly #children = new Set<Bun.Subprocess>();

  private constructor(folder: string, execPath: string) {
    this.folder = folder;
    this.#server = createServer((socket) => {
      const child = Bun.spawn(
        [join(execPath, "git-daemon"), "--inetd", "--export-all", `--base-path=${folder}`],
        { stdin: "pipe", stdout: "pipe", stderr: "ignore" },
      );
      this.#children.add(child);
      socket.on("data", (chunk) => {
        void child.stdin.write(chunk);
        void child.stdin.flush();
      });
      socket.on("error", () => child.kill("SIGKILL"));
      socket.on("close", () => child.kill("SIGKILL"));
      void (async () => {
        for await (const chunk of child.stdout) socket.write(chunk);
        socket.end();
        this.#children.delete(child);
      })();
    });
  }

  static async start(): Promise<GitServer> {
    // not by way of git, which would start it as a child of its own
    const { stdout } = await mustRun(["git", "--exec-path"]);
    const made = new GitServer(mkdtempSync("/var/tmp/wharf-git-"), stdout.trim());
    await new Promise<void>((resolve) => made.#server.listen(0, "127.0.0.1", resolve));
    await mustRun(["git", "init", "-q", "-b", "main", join(made.folder, "app.git")]);
    return made;
  }

  /** Of the repository. */
  get url(): string {
    const address = this.#server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    return `git://127.0.0.1:${port}/app.git`;
  }

  /** Writes files and makes a commit of them. @returns Its name. */
  async commit(files: Readonly<Record<string, string>>, tag?: string): Promise<string> {
    const cwd = join(this.folder, "app.git");
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(cwd, name)), { recursive: true });
      writeFileSync(join(cwd, name), text);
    }
    await this.git("add", "-A");
    await this.git(...AUTHOR, "commit", "-q", "-m", "change");
    if (tag !== undefined) await this.git("tag", tag);
    return (await this.git("rev-parse", "HEAD")).trim();
  }

  async git(...args: readonly string[]): Promise<string> {
    return (await mustRun(["git", ...args], { cwd: join(this.folder, "app.git") })).stdout;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    for (const child of this.#children) child.kill("SIGKILL");
    rmSync(this.folder, { recursive: true, force: true });
  }
}
