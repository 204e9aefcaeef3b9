import { JsonReader } from "#base/json-reader.ts";
import { parseJson } from "#base/json.ts";
import { InvalidArgumentError } from "#base/errors.ts";

/** Docker's `AuthConfig`: who somebody is to one registry. */
export interface RegistryAuth {
  readonly username: string;
  readonly password: string;
  /** As `login` had it: `https://index.docker.io/v1/`, `localhost:5000`. */
  readonly serverAddress: string;
  readonly identityToken: string;
  readonly registryToken: string;
}

const NO_AUTH: RegistryAuth = {
  username: "",
  password: "",
  serverAddress: "",
  identityToken: "",
  registryToken: "",
};

const HEADER_MAX_LENGTH = 64 * 1024;

/** @throws {InvalidArgumentError} With Docker's texts. */
export function parseRegistryAuth(body: unknown): RegistryAuth {
  const reader = JsonReader.of(body, { prefix: "invalid JSON: ", goType: "registry.AuthConfig" });
  const packed = Buffer.from(reader.string("auth") ?? "", "base64").toString("utf8");
  const colon = packed.indexOf(":");
  return {
    username: reader.string("username") || (colon > 0 ? packed.slice(0, colon) : ""),
    password: reader.string("password") || (colon > 0 ? packed.slice(colon + 1) : ""),
    serverAddress: reader.string("serveraddress") ?? "",
    identityToken: reader.string("identitytoken") ?? "",
    registryToken: reader.string("registrytoken") ?? "",
  };
}

/**
 * Reads an `X-Registry-Auth` header: JSON in base64url. As in dockerd, one that cannot be read counts as
 * none: the registry then says that it wants to know who asks.
 */
export function readRegistryAuthHeader(header: string | undefined): RegistryAuth {
  if (header === undefined || header === "" || header.length > HEADER_MAX_LENGTH) return NO_AUTH;
  try {
    return parseRegistryAuth(parseJson(Buffer.from(header, "base64url").toString("utf8")));
  } catch (error) {
    if (error instanceof InvalidArgumentError) return NO_AUTH;
    throw error;
  }
}

/** What `X-Registry-Auth` carries. */
export function formatRegistryAuthHeader(auth: Partial<RegistryAuth>): string {
  return packed(authFields(auth));
}

/** What `X-Registry-Config` carries: by server address. */
export function formatRegistryConfigHeader(
  auths: Readonly<Record<string, Partial<RegistryAuth>>>,
): string {
  const entries = Object.entries(auths).map(([address, auth]) => [address, authFields(auth)]);
  return packed(Object.fromEntries(entries));
}

/**
 * Reads an `X-Registry-Config` header.
 *
 * @returns By the registry's domain; nothing of one that cannot be read, as in dockerd.
 */
export function readRegistryConfigHeader(
  header: string | undefined,
): ReadonlyMap<string, RegistryAuth> {
  const found = new Map<string, RegistryAuth>();
  if (header === undefined || header === "" || header.length > HEADER_MAX_LENGTH) return found;
  try {
    const value = parseJson(Buffer.from(header, "base64url").toString("utf8"));
    const reader = JsonReader.of({ auths: value }, {});
    for (const [address, auth] of reader.entries("auths", "map[string]registry.AuthConfig") ?? []) {
      found.set(domainOfServerAddress(address), parseRegistryAuth(auth));
    }
    return found;
  } catch (error) {
    if (error instanceof InvalidArgumentError) return new Map();
    throw error;
  }
}

function authFields(auth: Partial<RegistryAuth>): Readonly<Record<string, string>> {
  return {
    ...(auth.username ? { username: auth.username } : {}),
    ...(auth.password ? { password: auth.password } : {}),
    ...(auth.serverAddress ? { serveraddress: auth.serverAddress } : {}),
    ...(auth.identityToken ? { identitytoken: auth.identityToken } : {}),
    ...(auth.registryToken ? { registrytoken: auth.registryToken } : {}),
  };
}

function packed(fields: object): string {
  // padded: Go's decoder of other engines wants it so
  const text = Buffer.from(JSON.stringify(fields)).toString("base64url");
  return text.padEnd(Math.ceil(text.length / 4) * 4, "=");
}

/** Docker Hub's name in `config.json` and as `serveraddress`. */
export const DOCKER_HUB_ADDRESS = "https://index.docker.io/v1/";

/** Domain of images of the registry that a server address names: `docker.io`, `localhost:5000`. */
export function domainOfServerAddress(address: string): string {
  const host = address.replace(/^[a-z]+:\/\//i, "").replace(/\/.*$/s, "");
  const isHub =
    host === "" || /^(?:index\.docker\.io|registry-1\.docker\.io|docker\.io)$/.test(host);
  return isHub ? "docker.io" : host;
}

/** Under which address `config.json` keeps the credentials for a domain. */
export function serverAddressOfDomain(domain: string): string {
  return domain === "docker.io" ? DOCKER_HUB_ADDRESS : domain;
}

/** What a user has to show, without the fields that are empty; as the registry's client takes it. */
export function toCredentials(
  auth: Partial<RegistryAuth>,
): Partial<Pick<RegistryAuth, "username" | "password" | "identityToken" | "registryToken">> {
  const { username, password, identityToken, registryToken } = auth;
  return {
    ...(username ? { username, password: password ?? "" } : {}),
    ...(identityToken ? { identityToken } : {}),
    ...(registryToken ? { registryToken } : {}),
  };
}
