import { release } from "node:os";
import { CredentialStore } from "#client/credentials/credential-store.ts";
import type { RegistryServeOptions } from "#cli/registry/serve-options.ts";
import { openClient } from "#daemon/open-registry-client.ts";
import { openLibc } from "#host/linux/ffi/libc.ts";
import { SystemClock } from "#host/linux/clock.ts";
import { ANONYMOUS, type RegistryCredentials } from "#registry-client/auth/credentials.ts";
import { DOCKER_HUB_ADDRESS } from "#spec/engine-api/registry-auth.ts";
import { ClientRemotes, type Remotes } from "#registry-server/remotes/remote.ts";

const ATTEMPTS = 3;

/** What proxies and replications reach other registries by; disposing closes the connections that are kept. */
export function openRemotes(options: RegistryServeOptions): Remotes & Disposable {
  const client = openClient({
    settings: () => ({ mirrors: [], insecure: options.insecureRegistries }),
    attempts: ATTEMPTS,
    clock: new SystemClock({ libc: openLibc() }),
    kernel: release(),
  });
  const store = new CredentialStore({ configDir: options.configDir });
  const remotes = new ClientRemotes({
    client,
    credentialsFor: (domain) => credentialsIn(store, domain),
  });
  return Object.assign(remotes, { [Symbol.dispose]: () => client[Symbol.dispose]() });
}

async function credentialsIn(store: CredentialStore, domain: string): Promise<RegistryCredentials> {
  const address = domain === "docker.io" ? DOCKER_HUB_ADDRESS : domain;
  const { username = "", password = "", identityToken = "" } = await store.get(address);
  if (identityToken !== "") return { identityToken };
  return username === "" ? ANONYMOUS : { username, password };
}
