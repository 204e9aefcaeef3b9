import { RegistryClient } from "#registry-client/registry-client.ts";

/** For tests that ask no registry. */
export function offlineRegistries(): RegistryClient {
  return new RegistryClient({
    settings: () => ({ mirrors: [], insecure: [], certificateFolders: [] }),
    retry: {
      sleep: () => Promise.resolve(),
      random: () => 0,
      attempts: 1,
      firstDelayMs: 0,
      maxDelayMs: 0,
    },
    nowMs: () => Date.now(),
    userAgent: "test",
    hostAuthorities: "",
    resolveHost: () => Promise.resolve([]),
  });
}
