import { FailedPreconditionError, messageOf, WharfError } from "#base/errors.ts";

/** A registry, or what stands before it, did not answer: another try may succeed. */
export class UnreachableError extends FailedPreconditionError {}

/** There is no server, or not one that TLS accepts: trying at once again helps nobody. */
export class NoConnectionError extends UnreachableError {}

function codeOf(thrown: unknown): string {
  if (!(thrown instanceof Error) || !("code" in thrown)) return "";
  return typeof thrown.code === "string" ? thrown.code : "";
}

/** Go's words for what the system says, as Docker's clients know them. */
const DIAL_REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connect: connection refused",
  EHOSTUNREACH: "connect: no route to host",
  ENETUNREACH: "connect: network is unreachable",
  ETIMEDOUT: "i/o timeout",
};

/**
 * What became of an attempt to connect.
 *
 * @param request `Get "https://host/v2/"`.
 */
export function connectError(
  request: string,
  origin: { readonly hostname: string; readonly port: number; readonly isTls: boolean },
  thrown: unknown,
): Error {
  if (thrown instanceof WharfError && thrown.kind === "cancelled") return thrown;
  const code = codeOf(thrown);
  const options = { cause: thrown };
  const { hostname, port } = origin;
  const reason = DIAL_REASONS[code];
  if (reason !== undefined) {
    const host = hostname.includes(":") ? `[${hostname}]` : hostname;
    return new NoConnectionError(`${request}: dial tcp ${host}:${port}: ${reason}`, options);
  }
  if (/^(?:DNS_|ENOTFOUND|EAI_)/.test(code)) {
    return new NoConnectionError(`${request}: dial tcp: lookup ${hostname}: no such host`, options);
  }
  const text = messageOf(thrown);
  if (
    origin.isTls &&
    /wrong.version|WRONG_VERSION|http.request|HTTP_REQUEST/i.test(`${code} ${text}`)
  ) {
    return new NoConnectionError(
      `${request}: http: server gave HTTP response to HTTPS client`,
      options,
    );
  }
  if (origin.isTls) {
    return new NoConnectionError(`${request}: tls: ${tlsReason(code, text, hostname)}`, options);
  }
  return new UnreachableError(`${request}: ${text}`, options);
}

function tlsReason(code: string, text: string, hostname: string): string {
  switch (code) {
    case "DEPTH_ZERO_SELF_SIGNED_CERT":
    case "SELF_SIGNED_CERT_IN_CHAIN":
    case "UNABLE_TO_GET_ISSUER_CERT":
    case "UNABLE_TO_GET_ISSUER_CERT_LOCALLY":
    case "UNABLE_TO_VERIFY_LEAF_SIGNATURE":
      return (
        "failed to verify certificate: x509: certificate signed by unknown authority; " +
        `put its authority's into /etc/wharf/certs.d/${hostname}`
      );
    case "CERT_HAS_EXPIRED":
      return "failed to verify certificate: x509: certificate has expired or is not yet valid";
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return `failed to verify certificate: x509: certificate is not valid for ${hostname}`;
    default:
      return text;
  }
}
