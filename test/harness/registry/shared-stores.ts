import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { resolve } from "node:path";
import { mustRun, runCommand } from "../command.ts";
import { freePort } from "./registry-server.ts";
import { waitUntil } from "../wait-until.ts";

/** Debian's PostgreSQL of any release. */
const POSTGRES = [18, 17, 16, 15].map((version) => `/usr/lib/postgresql/${version}/bin`);
const S3_SERVER = resolve("node_modules/s3rver/bin/s3rver.js");
const BUCKET = "registry";

/** Why the shared stores cannot be had here; undefined where they can. */
export function missingStores(): string | undefined {
  if (!POSTGRES.some((path) => existsSync(path))) return "PostgreSQL is not installed";
  return existsSync(S3_SERVER) ? undefined : "npm package s3rver is not installed";
}

/** A PostgreSQL and an S3 server of a test's own, on loopback, with their data in one folder. */
export class SharedStores implements AsyncDisposable {
  readonly #folder: string;
  readonly #postgres: Bun.Subprocess;
  readonly #s3: Bun.Subprocess;
  readonly databaseUrl: string;
  readonly s3Url: string;

  private constructor(parts: {
    readonly folder: string;
    readonly postgres: Bun.Subprocess;
    readonly s3: Bun.Subprocess;
    readonly postgresPort: number;
    readonly s3Port: number;
  }) {
    this.#folder = parts.folder;
    this.#postgres = parts.postgres;
    this.#s3 = parts.s3;
    this.databaseUrl = `postgres://wharf@127.0.0.1:${parts.postgresPort}/postgres`;
    this.s3Url = `http://127.0.0.1:${parts.s3Port}`;
  }

  static async open(): Promise<SharedStores> {
    const folder = mkdtempSync("/var/tmp/wharf-e2e-stores-");
    const bin = POSTGRES.find((path) => existsSync(path)) ?? "";
    // it does not run as root
    const user = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"];
    await mustRun(["chown", "nobody:nogroup", folder]);
    const data = `${folder}/postgres`;
    const init = ["-D", data, "-A", "trust", "-U", "wharf", "-N"];
    await mustRun([...user, `${bin}/initdb`, ...init]);
    const [postgresPort, s3Port] = [await freePort(), await freePort()];
    const quiet = { stdin: "ignore", stdout: "ignore", stderr: "ignore" } as const;
    const settings = ["-c", "listen_addresses=127.0.0.1", "-k", folder, "-c", "fsync=off"];
    const postgres = Bun.spawn(
      [...user, `${bin}/postgres`, "-D", data, "-p", String(postgresPort), ...settings],
      quiet,
    );
    const place = ["-d", `${folder}/s3`, "-a", "127.0.0.1", "-p", String(s3Port), "--silent"];
    await mustRun(["mkdir", `${folder}/s3`]);
    const s3 = Bun.spawn(
      // under Bun its lists fail
      ["node", S3_SERVER, ...place, "--configure-bucket", BUCKET],
      quiet,
    );
    const stores = new SharedStores({ folder, postgres, s3, postgresPort, s3Port });
    await waitUntil(
      "PostgreSQL and the S3 server answer",
      async () => {
        const ready = await runCommand([
          `${bin}/pg_isready`,
          "-h",
          "127.0.0.1",
          "-p",
          String(postgresPort),
        ]);
        const answer = await fetch(stores.s3Url).catch(() => undefined);
        return ready.exitCode === 0 && answer !== undefined;
      },
      60_000,
    );
    return stores;
  }

  /** Flags and environment of a server that uses them. */
  get serving(): { readonly flags: readonly string[]; readonly env: Record<string, string> } {
    return {
      flags: ["--auth", "none", "--storage", `s3://${BUCKET}/blobs`, "--s3-endpoint", this.s3Url],
      env: {
        WHARF_REGISTRY_DATABASE: this.databaseUrl,
        AWS_ACCESS_KEY_ID: "S3RVER",
        AWS_SECRET_ACCESS_KEY: "S3RVER",
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#postgres.kill("SIGINT"); // its fast shutdown
    this.#s3.kill();
    await Promise.all([this.#postgres.exited, this.#s3.exited]);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
