import { InvalidArgumentError, messageOf } from "#base/errors.ts";
import { readTextFile } from "#libc/text-files.ts";
import type { TlsMaterial } from "./connect-socket.ts";

/** One PEM file: its path, and whether it may be missing. */
export interface PemFile {
  readonly path: string;
  readonly mayBeMissing: boolean;
}

/**
 * @throws {InvalidArgumentError} When a file that must be there cannot be read, or only one of
 *   certificate and key is there.
 */
export function readTlsFiles(
  files: { readonly ca: PemFile; readonly cert: PemFile; readonly key: PemFile },
  verify: boolean,
): TlsMaterial {
  const ca = verify ? readPem(files.ca, "CA certificate") : undefined;
  const cert = readPem(files.cert, "client certificate");
  const key = readPem(files.key, "client key");
  if ((cert === undefined) !== (key === undefined)) {
    const [missing, present] =
      cert === undefined ? [files.cert, files.key] : [files.key, files.cert];
    throw new InvalidArgumentError(
      `Cannot use TLS: ${missing.path} is missing beside ${present.path}`,
    );
  }
  return {
    verify,
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}

function readPem(file: PemFile, what: string): string | undefined {
  const text = tryRead(file.path, what);
  if (text !== undefined || file.mayBeMissing) return text;
  throw new InvalidArgumentError(
    `Cannot read the ${what} ${file.path}: ENOENT: no such file or directory, open '${file.path}'`,
  );
}

function tryRead(path: string, what: string): string | undefined {
  try {
    return readTextFile(path);
  } catch (error) {
    throw new InvalidArgumentError(`Cannot read the ${what} ${path}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}
