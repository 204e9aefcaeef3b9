import type { RegistryCredentials } from "#registry-client/auth/credentials.ts";
import type { RegistryAuth } from "#spec/engine-api/registry-auth.ts";

/** What the wire says of a user, as the registry's client wants it. */
export function toCredentials(auth: RegistryAuth): RegistryCredentials {
  const { username, password, identityToken, registryToken } = auth;
  return {
    ...(username === "" ? {} : { username, password }),
    ...(identityToken === "" ? {} : { identityToken }),
    ...(registryToken === "" ? {} : { registryToken }),
  };
}
