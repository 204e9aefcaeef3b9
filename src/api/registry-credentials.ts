import type { RegistryCredentials } from "#registry-client/auth/credentials.ts";
import { readRegistryAuthHeader, toCredentials } from "#spec/engine-api/registry-auth.ts";
import type { Exchange } from "./exchange.ts";

/** Who the client says that the user is to the registry. */
export function requestCredentials({ request }: Exchange): RegistryCredentials {
  const header = request.fields.get("x-registry-auth");
  return toCredentials(readRegistryAuthHeader(header));
}
