import { InvalidArgumentError, messageOf } from "#base/errors.ts";
import { domainOfServerAddress, type RegistryAuth } from "#spec/engine-api/registry-auth.ts";
import { readClientConfig } from "#client/contexts/client-config.ts";
import { writeConfigKey } from "#client/contexts/write-config-key.ts";
import {
  eraseFromHelper,
  getFromHelper,
  type StoredCredentials,
  storeInHelper,
} from "./credential-helper.ts";

export interface CredentialStoreOptions {
  /** Folder of `config.json`. */
  readonly configDir: string;
  /** `DOCKER_AUTH_CONFIG`: the JSON of a file with `auths`, which goes before the file. */
  readonly override?: string;
}

type Fields = Readonly<Record<string, unknown>>;

/** Who the user is to each registry: in `config.json`, or with the helpers that it names. */
export class CredentialStore {
  readonly #options: CredentialStoreOptions;

  constructor(options: CredentialStoreOptions) {
    this.#options = options;
  }

  /** The program's name after `docker-credential-`; undefined where secrets stand in the file. */
  helperFor(address: string): string | undefined {
    const raw = this.#raw();
    const own = textOf(fieldsOf(raw["credHelpers"])[address]);
    return own ?? textOf(raw["credsStore"]);
  }

  /** @param address `https://index.docker.io/v1/`, `localhost:5000`. */
  async get(address: string): Promise<Partial<RegistryAuth>> {
    const given = this.#overridden(address);
    if (given) return given;
    const helper = this.helperFor(address);
    if (helper !== undefined) {
      const found = await getFromHelper(helper, address);
      return found ? toAuth(address, found) : {};
    }
    return authIn(fieldsOf(this.#raw()["auths"]), address) ?? {};
  }

  /** Every registry that the user has logged in to, as `login` had it. */
  addresses(): readonly string[] {
    const raw = this.#raw();
    const names = [
      ...Object.keys(fieldsOf(raw["auths"])),
      ...Object.keys(fieldsOf(raw["credHelpers"])),
    ];
    return [...new Set(names)].toSorted();
  }

  /** @returns Where it is kept: a helper's name, or undefined for `config.json`. */
  async store(address: string, credentials: StoredCredentials): Promise<string | undefined> {
    const helper = this.helperFor(address);
    const auths = fieldsOf(this.#raw()["auths"]);
    // with a helper the file says no more than that there is something
    let entry: Fields = {};
    if (helper !== undefined) await storeInHelper(helper, address, credentials);
    else entry = toEntry(credentials);
    writeConfigKey(this.#options.configDir, "auths", { ...auths, [address]: entry });
    return helper;
  }

  /** @returns Whether there was anything. */
  async erase(address: string): Promise<boolean> {
    const auths = fieldsOf(this.#raw()["auths"]);
    const key = keyOf(auths, address);
    const helper = this.helperFor(address);
    if (helper !== undefined) await eraseFromHelper(helper, address);
    if (key === undefined) return helper !== undefined;
    const { [key]: _, ...rest } = auths;
    writeConfigKey(this.#options.configDir, "auths", rest);
    return true;
  }

  #raw(): Fields {
    return readClientConfig(this.#options.configDir).raw;
  }

  #overridden(address: string): Partial<RegistryAuth> | undefined {
    const { override } = this.#options;
    if (override === undefined || override === "") return undefined;
    let value: unknown;
    try {
      value = JSON.parse(override);
    } catch (cause) {
      throw new InvalidArgumentError(
        `failed to create credential store from DOCKER_AUTH_CONFIG: ${messageOf(cause)}`,
        { cause },
      );
    }
    return authIn(fieldsOf(fieldsOf(value)["auths"]), address);
  }
}

function fieldsOf(value: unknown): Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : {};
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** Old files have keys with scheme and path: they count where the host is the same. */
function keyOf(auths: Fields, address: string): string | undefined {
  if (Object.hasOwn(auths, address)) return address;
  const domain = domainOfServerAddress(address);
  return Object.keys(auths).find((key) => domainOfServerAddress(key) === domain);
}

function authIn(auths: Fields, address: string): Partial<RegistryAuth> | undefined {
  const key = keyOf(auths, address);
  if (key === undefined) return undefined;
  const entry = fieldsOf(auths[key]);
  const packed = Buffer.from(textOf(entry["auth"]) ?? "", "base64").toString("utf8");
  const colon = packed.indexOf(":");
  const username = colon > 0 ? packed.slice(0, colon) : (textOf(entry["username"]) ?? "");
  // some tools pad what they pack
  const password =
    colon > 0 ? packed.slice(colon + 1).replace(/\0+$/, "") : (textOf(entry["password"]) ?? "");
  return {
    serverAddress: address,
    username,
    password,
    identityToken: textOf(entry["identitytoken"]) ?? "",
    registryToken: textOf(entry["registrytoken"]) ?? "",
  };
}

function toAuth(
  address: string,
  { username, secret, isToken }: StoredCredentials,
): Partial<RegistryAuth> {
  return isToken
    ? { serverAddress: address, identityToken: secret }
    : { serverAddress: address, username, password: secret };
}

function toEntry({ username, secret, isToken }: StoredCredentials): Fields {
  const pair = isToken ? `${username}:` : `${username}:${secret}`;
  return {
    auth: Buffer.from(pair, "utf8").toString("base64"),
    ...(isToken ? { identitytoken: secret } : {}),
  };
}
