import type { RegistryCredentials } from "#registry-client/auth/credentials.ts";
import type { RegistryClient } from "#registry-client/registry-client.ts";
import type { Repository } from "#registry-client/repository.ts";

/** Where a repository of another registry is. */
export interface RemotePlace {
  /** `docker.io`, `registry.example.com:5000`. */
  readonly domain: string;
  readonly path: string;
}

/** Opens repositories of other registries. */
export interface Remotes {
  open(
    place: RemotePlace,
    access: "pull" | "push",
    credentials?: RegistryCredentials,
  ): Promise<Repository>;
}

/** Those that our registry client reaches; without credentials of its own, with those that `login` has kept. */
export class ClientRemotes implements Remotes {
  readonly #client: RegistryClient;
  readonly #credentialsFor: (domain: string) => Promise<RegistryCredentials>;

  constructor(parts: {
    readonly client: RegistryClient;
    readonly credentialsFor: (domain: string) => Promise<RegistryCredentials>;
  }) {
    this.#client = parts.client;
    this.#credentialsFor = parts.credentialsFor;
  }

  async open(
    place: RemotePlace,
    access: "pull" | "push",
    credentials?: RegistryCredentials,
  ): Promise<Repository> {
    const shown = credentials ?? (await this.#credentialsFor(place.domain));
    return await this.#client.repository(place, shown, access);
  }
}
