import { readFileSync } from "node:fs";
import { InvalidArgumentError, messageOf } from "#base/errors.ts";
import type { RegistryServeOptions } from "#cli/registry/serve-options.ts";
import type { RegistryConfig } from "#registry-server/config.ts";
import type { TlsFiles } from "#registry-server/http/http-server.ts";
import type { ProxyRule } from "#registry-server/remotes/proxy.ts";
import type { S3Options } from "#registry-server/storage/s3/s3-storage.ts";

const HOUR_MS = 3_600_000;
/** distribution-spec asks for 4 MiB at least. */
const MANIFEST_MAX_BYTES = 4 * 1024 * 1024;
/** Manifests that are being sent: far more than clients send at once, far less than the machine has. */
const BODY_MEMORY_BYTES = 64 * 1024 * 1024;
/** Bodies that come at less, with pauses longer than the grace, are cut. */
const MIN_BYTES_PER_SECOND = 1024;
const SLOW_GRACE_MS = 30_000;
const CLOSE_GRACE_MS = 10_000;
/** What a client may send at once, in seconds of its rate. */
const BURST_SECONDS = 10;

/** @throws {InvalidArgumentError} Naming the flag. */
export function readConfig(options: RegistryServeOptions): RegistryConfig {
  const { rateLimit, url, garbageGraceMinutes, idleTimeoutSeconds } = options;
  for (const [flag, value] of Object.entries({ rateLimit, garbageGraceMinutes })) {
    if (value < 0) throw new InvalidArgumentError(`${flag} is ${value}, want 0 or more`);
  }
  if (idleTimeoutSeconds < 1 || idleTimeoutSeconds > 255) {
    throw new InvalidArgumentError(`--idle-timeout is ${idleTimeoutSeconds}, want 1 to 255`);
  }
  const tls = readTls(options);
  return {
    listen: parseListen(options.listen),
    ...(tls ? { tls } : {}),
    ...(url === "" ? {} : { publicUrl: parseUrl(url) }),
    auth: options.auth,
    ...(rateLimit > 0
      ? { rateLimit: { burst: rateLimit * BURST_SECONDS, perSecond: rateLimit } }
      : {}),
    idleTimeoutSeconds,
    pace: { minBytesPerSecond: MIN_BYTES_PER_SECOND, graceMs: SLOW_GRACE_MS },
    bodyMemoryBytes: BODY_MEMORY_BYTES,
    closeGraceMs: CLOSE_GRACE_MS,
    manifestMaxBytes: MANIFEST_MAX_BYTES,
    allowSparseIndexes: options.allowSparseIndexes,
    proxies: options.proxies.map(parseProxy),
    collector: {
      graceMs: garbageGraceMinutes * 60_000,
      uploadExpiryMs: 24 * HOUR_MS,
      auditKeptMs: 365 * 24 * HOUR_MS,
    },
    collectEveryMs: HOUR_MS,
  };
}

/** @throws {InvalidArgumentError} One without the other, or one that cannot be read. */
export function readTls({ tlsCert, tlsKey }: RegistryServeOptions): TlsFiles | undefined {
  if (tlsCert === "" && tlsKey === "") return undefined;
  if (tlsCert === "" || tlsKey === "") {
    throw new InvalidArgumentError("--tls-cert and --tls-key go together");
  }
  try {
    return { cert: readFileSync(tlsCert, "utf8"), key: readFileSync(tlsKey, "utf8") };
  } catch (cause) {
    throw new InvalidArgumentError(`Cannot read the certificate: ${messageOf(cause)}`, { cause });
  }
}

/** @returns Undefined where blobs are files. @throws {InvalidArgumentError} */
export function readS3(options: RegistryServeOptions): S3Options | undefined {
  const { storage, s3Endpoint, s3Region, s3AccessKeyId, s3SecretAccessKey } = options;
  if (storage === "") return undefined;
  const found = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/([\w./-]*))?$/.exec(storage);
  if (!found) throw new InvalidArgumentError(`--storage is "${storage}", want s3://BUCKET/PREFIX`);
  if (s3AccessKeyId === "" || s3SecretAccessKey === "") {
    throw new InvalidArgumentError("--storage needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY");
  }
  const [, bucket = "", path = ""] = found;
  return {
    ...(s3Endpoint === "" ? {} : { endpoint: s3Endpoint }),
    ...(s3Region === "" ? {} : { region: s3Region }),
    bucket,
    prefix: path === "" || path.endsWith("/") ? path : `${path}/`,
    accessKeyId: s3AccessKeyId,
    secretAccessKey: s3SecretAccessKey,
  };
}

function parseListen(text: string): RegistryConfig["listen"] {
  const found = /^(?:\[([0-9a-fA-F:]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text);
  const port = Number(found?.[3]);
  if (!found || port > 65_535) {
    throw new InvalidArgumentError(`--listen is "${text}", want ADDRESS:PORT or :PORT`);
  }
  return { hostname: found[1] ?? (found[2] || "::"), port };
}

function parseUrl(text: string): string {
  const url = URL.parse(text);
  if (url?.protocol !== "http:" && url?.protocol !== "https:") {
    throw new InvalidArgumentError(`--url is "${text}", want https://HOST`);
  }
  return url.origin;
}

function parseProxy(text: string): ProxyRule {
  const found = /^((?:[a-z0-9._/-]*[a-z0-9])?)=([a-zA-Z0-9.-]+(?::\d{1,5})?)$/.exec(text);
  if (!found) throw new InvalidArgumentError(`--proxy is "${text}", want PREFIX=HOST[:PORT]`);
  const [, prefix = "", domain = ""] = found;
  return { prefix: prefix === "" ? "" : `${prefix}/`, domain };
}
