import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RegistryConfig } from "#registry-server/config.ts";
import type { LogFields, RegistryLog } from "#registry-server/log.ts";
import { openRegistry, type Registry } from "#registry-server/registry.ts";
import { RegistryClient } from "#registry-client/registry-client.ts";
import { ClientRemotes } from "#registry-server/remotes/remote.ts";
import { FilesystemStorage } from "#registry-server/storage/filesystem/filesystem-storage.ts";
import { digestOf } from "#spec/digest.ts";
import { OCI_CONFIG, OCI_LAYER, OCI_MANIFEST } from "#spec/media-types.ts";
import { SqliteDatabase } from "#store/sql/sqlite-database.ts";

export const TEST_CONFIG: RegistryConfig = {
  listen: { hostname: "127.0.0.1", port: 0 },
  auth: "none",
  idleTimeoutSeconds: 60,
  pace: { minBytesPerSecond: 1024, graceMs: 30_000 },
  bodyMemoryBytes: 64 * 1024 * 1024,
  closeGraceMs: 1000,
  manifestMaxBytes: 4 * 1024 * 1024,
  allowSparseIndexes: false,
  proxies: [],
  collector: {
    graceMs: 3_600_000,
    uploadExpiryMs: 24 * 3_600_000,
    auditKeptMs: 365 * 24 * 3_600_000,
  },
  collectEveryMs: 3_600_000,
};

/** Keeps lines for a test to look at. */
export class MemoryLog implements RegistryLog {
  readonly lines: string[] = [];
  debug(): void {}
  info(message: string, fields: LogFields = {}): void {
    this.lines.push(`info ${message} ${JSON.stringify(fields)}`);
  }
  warn(message: string, fields: LogFields = {}): void {
    this.lines.push(`warn ${message} ${JSON.stringify(fields)}`);
  }
  error(message: string, fields: LogFields = {}): void {
    this.lines.push(`error ${message} ${JSON.stringify(fields)}`);
  }
}

/** A registry on a loopback port with a folder of its own; its clock is the test's. */
export class TestRegistry implements AsyncDisposable {
  readonly root: string;
  readonly log: MemoryLog = new MemoryLog();
  /** Milliseconds since 1970. */
  nowMs: number = Date.UTC(2026, 0, 1);
  #registry: Registry | undefined;
  #database: SqliteDatabase | undefined;
  readonly #client = new RegistryClient({
    settings: () => ({ mirrors: [], insecure: [], certificateFolders: [] }),
    retry: {
      sleep: async () => undefined,
      random: () => 0,
      attempts: 2,
      firstDelayMs: 1,
      maxDelayMs: 1,
    },
    nowMs: () => this.nowMs,
    userAgent: "wharf-test",
    hostAuthorities: "",
  });
  readonly #remotes = new ClientRemotes({
    client: this.#client,
    credentialsFor: async () => ({}),
  });

  private constructor(root: string) {
    this.root = root;
  }

  /** @param folder An empty one, by default of its own; nothing is left in it. */
  static async open(
    config: Partial<RegistryConfig> = {},
    folder: string = tmpdir(),
  ): Promise<TestRegistry> {
    const test = new TestRegistry(mkdtempSync(join(folder, "wharf-registry-")));
    await test.start(config);
    return test;
  }

  async start(config: Partial<RegistryConfig> = {}): Promise<void> {
    this.#database = SqliteDatabase.open(join(this.root, "registry.db"));
    this.#registry = await openRegistry({
      config: { ...TEST_CONFIG, ...config },
      database: this.#database,
      storage: new FilesystemStorage(this.root),
      remotes: this.#remotes,
      log: this.log,
      nowMs: () => this.nowMs,
      newId: () => crypto.randomUUID(),
    });
  }

  async stop(): Promise<void> {
    await this.#registry?.[Symbol.asyncDispose]();
    await this.#database?.[Symbol.asyncDispose]();
  }

  get registry(): Registry {
    if (!this.#registry) throw new Error("the registry has not been started");
    return this.#registry;
  }

  get url(): string {
    return this.registry.url;
  }

  async fetch(method: string, path: string, init: RequestInit = {}): Promise<Response> {
    return await fetch(new URL(path, this.url), { method, ...init });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    this.#client[Symbol.dispose]();
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** Uploads a blob in one request. @returns Its digest. */
export async function pushBlob(
  test: TestRegistry,
  repository: string,
  content: string,
  init: RequestInit = {},
): Promise<string> {
  const digest = digestOf(content);
  const path = `/v2/${repository}/blobs/uploads/?digest=${digest}`;
  const answer = await test.fetch("POST", path, { ...init, body: content });
  if (answer.status !== 201) throw new Error(`${answer.status} ${await answer.text()}`);
  return digest;
}

export interface TestImage {
  readonly digest: string;
  readonly body: string;
  readonly blobs: readonly string[];
}

/** Pushes an image of one layer. @param more Further keys of its manifest. */
export async function pushImage(
  test: TestRegistry,
  repository: string,
  reference: string,
  options: {
    readonly content?: string;
    readonly more?: Readonly<Record<string, unknown>>;
    readonly init?: RequestInit;
  } = {},
): Promise<TestImage> {
  const { content = "layer", more = {}, init = {} } = options;
  const layer = await pushBlob(test, repository, content, init);
  const config = await pushBlob(test, repository, "{}", init);
  const body = JSON.stringify({
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: { mediaType: OCI_CONFIG, digest: config, size: 2 },
    layers: [{ mediaType: OCI_LAYER, digest: layer, size: content.length }],
    ...more,
  });
  const digest = digestOf(body);
  const path = `/v2/${repository}/manifests/${reference === "" ? digest : reference}`;
  const headers = new Headers(init.headers);
  headers.set("Content-Type", OCI_MANIFEST);
  const answer = await test.fetch("PUT", path, { ...init, headers, body });
  if (answer.status !== 201) throw new Error(`${answer.status} ${await answer.text()}`);
  return { digest, body, blobs: [layer, config] };
}

/** Code of a failed answer. */
export async function errorCode(answer: Response): Promise<string> {
  const body = (await answer.json()) as { readonly errors: readonly { readonly code: string }[] };
  return body.errors[0]?.code ?? "";
}

/** `Authorization` of Basic. */
export function basic(name: string, password: string): string {
  return `Basic ${Buffer.from(`${name}:${password}`).toString("base64")}`;
}
