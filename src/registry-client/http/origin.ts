/** A server as TCP and TLS see it. */
export interface Origin {
  /** Without the brackets of an IPv6 address. */
  readonly hostname: string;
  readonly port: number;
  readonly isTls: boolean;
}

export function originOf(url: URL): Origin {
  const isTls = url.protocol === "https:";
  const port = url.port === "" ? (isTls ? 443 : 80) : Number(url.port);
  return { hostname: url.hostname.replace(/^\[(.*)\]$/, "$1"), port, isTls };
}

/** Whether what is meant for one server, credentials above all, may be shown to the other. */
export function isSameOrigin(left: URL, right: URL): boolean {
  return left.protocol === right.protocol && left.host === right.host;
}
