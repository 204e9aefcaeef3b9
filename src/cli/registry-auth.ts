import { CredentialStore } from "#client/credentials/credential-store.ts";
import {
  formatRegistryAuthHeader,
  formatRegistryConfigHeader,
  type RegistryAuth,
  serverAddressOfDomain,
} from "#spec/engine-api/registry-auth.ts";
import type { Cli } from "./cli.ts";

export function openCredentialStore(cli: Cli): CredentialStore {
  const override = cli.env["DOCKER_AUTH_CONFIG"];
  return new CredentialStore({
    configDir: cli.globals.configDir,
    ...(override === undefined ? {} : { override }),
  });
}

/** Header of a request that makes the engine ask a registry: what the user is known by there. */
export async function registryAuthHeaders(
  cli: Cli,
  domain: string,
): Promise<Readonly<Record<string, string>>> {
  const auth = await openCredentialStore(cli).get(serverAddressOfDomain(domain));
  return { "X-Registry-Auth": formatRegistryAuthHeader(auth) };
}

/** Header of a build, which may ask any registry: what the user is known by at each. */
export async function registryConfigHeaders(cli: Cli): Promise<Readonly<Record<string, string>>> {
  const store = openCredentialStore(cli);
  const known: Record<string, Partial<RegistryAuth>> = {};
  for (const address of store.addresses()) known[address] = await store.get(address);
  if (Object.keys(known).length === 0) return {};
  return { "X-Registry-Config": formatRegistryConfigHeader(known) };
}
