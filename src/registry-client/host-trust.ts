import { existsSync, readFileSync } from "node:fs";

/** Folders of certificates by registry; ours before Docker's. */
export const CERTIFICATE_FOLDERS: readonly string[] = ["/etc/wharf/certs.d", "/etc/docker/certs.d"];
/** Where Debian, Fedora and Alpine keep the authorities that the host trusts. */
const HOST_AUTHORITIES = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/cert.pem",
];

/** @returns PEM text; empty where the host has none. */
export function readHostAuthorities(): string {
  const path = HOST_AUTHORITIES.find((one) => existsSync(one));
  return path === undefined ? "" : readFileSync(path, "utf8");
}
