import { InvalidArgumentError } from "#base/errors.ts";

export interface Address {
  /** `tcp`, `unix`, …; empty where none is named. */
  readonly scheme: string;
  /** Without the brackets of an IPv6 address. */
  readonly host: string;
  /** As written; empty where there is none. */
  readonly port: string;
  readonly path: string;
}

const URL_FORM = /^(?:([A-Za-z][A-Za-z0-9+.-]*):)?(?:\/\/)?([^/]*)(\/.*)?$/;
const HOST_FORM = /^(?:\[([^\]]*)\]|([^:]*))(?::(.*))?$/;

/**
 * Reads `tcp+tls://host:514`, `unix:///dev/log`, `[::1]:24224`.
 *
 * @throws {InvalidArgumentError} In the words of Go's net/url.
 */
export function parseAddress(text: string): Address {
  const hasScheme = text.includes("://");
  const match = URL_FORM.exec(hasScheme ? text : `//${text}`);
  const [, scheme = "", authority = "", path = ""] = match ?? [];
  const host = HOST_FORM.exec(authority);
  const port = host?.[3] ?? "";
  if (!host || /\D/.test(port)) {
    const after = authority.slice(authority.lastIndexOf(":"));
    throw new InvalidArgumentError(
      `parse ${JSON.stringify(text)}: invalid port ${JSON.stringify(after)} after host`,
    );
  }
  return { scheme, host: host[1] ?? host[2] ?? "", port, path };
}
