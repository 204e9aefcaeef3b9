/** What a user has to show to one registry; nothing of it for an anonymous one. */
export interface RegistryCredentials {
  readonly username?: string;
  readonly password?: string;
  /** A token that is exchanged for others, in place of a password. */
  readonly identityToken?: string;
  /** A token that is shown to the registry as it is. */
  readonly registryToken?: string;
}

export const ANONYMOUS: RegistryCredentials = {};

export function hasPassword({ username, password }: RegistryCredentials): boolean {
  return username !== undefined && username !== "" && password !== undefined;
}

/** The header of RFC 7617. */
export function basicAuthorization({ username = "", password = "" }: RegistryCredentials): string {
  return `Basic ${Buffer.from(`${username}:${password}`, "utf8").toString("base64")}`;
}
