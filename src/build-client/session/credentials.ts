import { type RpcMethod, unary } from "#rpc/method.ts";
import { CREDENTIALS_REQUEST, CREDENTIALS_RESPONSE } from "#spec/buildkit/session.ts";
import { type RegistryAuth, serverAddressOfDomain } from "#spec/engine-api/registry-auth.ts";

/** What the user is known by at a registry. @param address `https://index.docker.io/v1/`, `localhost:5000`. */
export type CredentialLookup = (address: string) => Promise<Partial<RegistryAuth>>;

/** BuildKit asks for Docker Hub by the host that serves it. */
const HUB_HOST = "registry-1.docker.io";

/** `Auth.Credentials` */
export function tellCredentials(look: CredentialLookup): RpcMethod {
  return unary(CREDENTIALS_REQUEST, CREDENTIALS_RESPONSE, async ({ host }) => {
    const address = serverAddressOfDomain(host === HUB_HOST ? "docker.io" : host);
    const { username = "", password = "", identityToken = "" } = await look(address);
    return identityToken === ""
      ? { username, secret: password }
      : { username: "", secret: identityToken };
  });
}
