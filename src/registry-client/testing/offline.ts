import { RegistryClient } from "#registry-client/registry-client.ts";
import type { RetryPolicy } from "#registry-client/retry.ts";
import type { RegistrySettings } from "#registry-client/settings.ts";

/** For tests that ask no registry, or one on loopback; waits before another try take no time. */
export function offlineRegistries(
  settings: Partial<RegistrySettings> = {},
  retry: Partial<RetryPolicy> = {},
): RegistryClient {
  return new RegistryClient({
    settings: () => ({
      mirrors: [],
      insecure: [],
      certificateFolders: [],
      proxies: { http: "", https: "", none: "" },
      ...settings,
    }),
    retry: {
      sleep: () => Promise.resolve(),
      random: () => 0,
      attempts: 4,
      firstDelayMs: 0,
      maxDelayMs: 0,
      ...retry,
    },
    nowMs: () => Date.now(),
    userAgent: "test",
    hostAuthorities: "",
    resolveHost: () => Promise.resolve([]),
  });
}
