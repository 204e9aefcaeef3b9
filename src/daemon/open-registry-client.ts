import { wharfVersion } from "#base/version.ts";
import type { Clock } from "#host/clock.ts";
import { parseRegistryMirror } from "#registry-client/endpoints.ts";
import { CERTIFICATE_FOLDERS, readHostAuthorities } from "#registry-client/host-trust.ts";
import { RegistryClient } from "#registry-client/registry-client.ts";
import type { RegistrySettings } from "#registry-client/settings.ts";
import type { EngineConfig } from "./config/engine-config.ts";

const FIRST_DELAY_MS = 500;
const MAX_DELAY_MS = 30_000;

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
