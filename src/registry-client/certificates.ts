import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { FailedPreconditionError, messageOf } from "#base/errors.ts";

/** PEM texts for one registry. */
export interface RegistryCertificates {
  /** Authorities to trust besides the host's. */
  readonly authorities: readonly string[];
  readonly client?: { readonly certificate: string; readonly key: string };
}

function isMissing(error: unknown): boolean {
  return (
    error instanceof Error &&
    "code" in error &&
    (error.code === "ENOENT" || error.code === "ENOTDIR")
  );
}

function listFolder(folder: string): readonly string[] | undefined {
  try {
    return readdirSync(folder).toSorted();
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw new FailedPreconditionError(
      `Cannot read certificates from ${folder}: ${messageOf(error)}`,
      { cause: error },
    );
  }
}

function readPem(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new FailedPreconditionError(`Cannot read certificate ${path}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/**
 * Certificates for a registry, as Docker keeps them: `<folder>/<host:port>/*.crt` are authorities,
 * `<name>.cert` with `<name>.key` is the client's.
 *
 * @param folders Of which the first that has a folder for the host is read.
 * @param host With its port where the URL names one.
 * @throws {FailedPreconditionError} A file cannot be read, or a certificate is there without its key.
 */
export function readCertificates(folders: readonly string[], host: string): RegistryCertificates {
  for (const base of folders) {
    const folder = join(base, host);
    const names = listFolder(folder);
    if (names) return readFolder(folder, names);
  }
  return { authorities: [] };
}

function readFolder(folder: string, names: readonly string[]): RegistryCertificates {
  const authorities = names
    .filter((name) => name.endsWith(".crt"))
    .map((name) => readPem(join(folder, name)));
  const certificates = names.filter((name) => name.endsWith(".cert"));
  for (const name of names.filter((one) => one.endsWith(".key"))) {
    const certificate = `${name.slice(0, -".key".length)}.cert`;
    if (names.includes(certificate)) continue;
    throw new FailedPreconditionError(
      `missing client certificate ${certificate} for key ${name} in ${folder}`,
    );
  }
  const [first] = certificates;
  if (first === undefined) return { authorities };
  const key = `${first.slice(0, -".cert".length)}.key`;
  if (!names.includes(key)) {
    throw new FailedPreconditionError(
      `missing key ${key} for client certificate ${first} in ${folder}. ` +
        "CA certificates must use the extension .crt",
    );
  }
  return {
    authorities,
    client: { certificate: readPem(join(folder, first)), key: readPem(join(folder, key)) },
  };
}
