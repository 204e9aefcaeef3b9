import { existsSync, readFileSync } from "node:fs";
import { wharfVersion } from "#base/version.ts";
import type { Clock } from "#host/clock.ts";
import { parseRegistryMirror } from "#registry-client/endpoints.ts";
import { RegistryClient } from "#registry-client/registry-client.ts";
import type { RegistrySettings } from "#registry-client/settings.ts";
import type { EngineConfig } from "./config/engine-config.ts";

/** Ours before Docker's. */
const CERTIFICATE_FOLDERS = ["/etc/wharf/certs.d", "/etc/docker/certs.d"];
/** Where Debian, Fedora and Alpine keep the authorities that the host trusts. */
const HOST_AUTHORITIES = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/cert.pem",
];
const FIRST_DELAY_MS = 500;
const MAX_DELAY_MS = 30_000;

function readHostAuthorities(): string {
  const path = HOST_AUTHORITIES.find((one) => existsSync(one));
  return path === undefined ? "" : readFileSync(path, "utf8");
}

export interface ClientParts {
  /** Asked at each use: they may change while the process runs. */
  readonly settings: () => Omit<RegistrySettings, "certificateFolders">;
  /** Tries of each request. */
  readonly attempts: number;
  readonly clock: Clock;
  /** Release of the kernel, for the name that registries are told. */
  readonly kernel: string;
}

/** A client with the host's certificates. */
export function openClient({ settings, attempts, clock, kernel }: ClientParts): RegistryClient {
  return new RegistryClient({
    settings: () => ({ ...settings(), certificateFolders: CERTIFICATE_FOLDERS }),
    retry: {
      sleep: (delayMs, signal) => clock.delay(delayMs, signal),
      random: () => Math.random(),
      attempts,
      firstDelayMs: FIRST_DELAY_MS,
      maxDelayMs: MAX_DELAY_MS,
    },
    nowMs: () => clock.nowMs(),
    userAgent: `wharf/${wharfVersion} kernel/${kernel} os/linux arch/${process.arch}`,
    hostAuthorities: readHostAuthorities(),
  });
}

/** @param config As it is now: mirrors and insecure registries may change while the engine runs. */
export function openRegistryClient(
  config: () => EngineConfig,
  parts: { readonly clock: Clock; readonly kernel: string },
): RegistryClient {
  return openClient({
    ...parts,
    settings: () => ({
      mirrors: config().registryMirrors.map(parseRegistryMirror),
      insecure: config().insecureRegistries,
      proxies: config().proxies,
    }),
    attempts: config().transfers.maxDownloadAttempts,
  });
}
