import { open } from "node:fs/promises";
import { join } from "node:path";
import { FailedPreconditionError, InvalidArgumentError, messageOf } from "#base/errors.ts";
import { type Digest, digestAlgorithm, Digester, parseDigest } from "#spec/digest.ts";

/** A file that was fetched. */
export interface FetchedFile {
  readonly path: string;
  /** What it is called in the image. */
  readonly name: string;
  readonly digest: Digest;
  /** `Last-Modified`, in seconds since the epoch. */
  readonly mtimeSeconds?: number;
}

const MOST_REDIRECTS = 10;

/**
 * Fetches a URL into a folder.
 *
 * @param request.checksum `sha256:…`
 * @throws {InvalidArgumentError} It is not what the checksum says. {FailedPreconditionError} It cannot be had.
 */
export async function fetchFile(
  request: {
    readonly url: string;
    readonly checksum?: string;
    readonly directory: string;
    /** Tells files of one step apart. */
    readonly number: number;
    readonly onProgress?: (currentBytes: number, totalBytes: number | undefined) => void;
  },
  signal: AbortSignal,
): Promise<FetchedFile> {
  const { url, checksum } = request;
  const expected = checksum === undefined ? undefined : parseDigest(checksum);
  const response = await follow(url, signal);
  const path = join(request.directory, `download-${request.number}`);
  const algorithm = expected === undefined ? "sha256" : digestAlgorithm(expected);
  const digester = new Digester(algorithm);
  const total = Number(response.headers.get("content-length") ?? Number.NaN);
  let received = 0;
  {
    await using file = await open(path, "wx", 0o600);
    for await (const chunk of response.body ?? []) {
      digester.update(chunk);
      received += chunk.byteLength;
      await file.writeFile(chunk);
      request.onProgress?.(received, Number.isNaN(total) ? undefined : total);
    }
  }
  const digest = digester.finish();
  if (expected !== undefined && expected !== digest) {
    throw new InvalidArgumentError(`digest mismatch ${digest} - expected ${expected}: ${url}`);
  }
  const modified = Date.parse(response.headers.get("last-modified") ?? "");
  return {
    path,
    name: nameOf(url, response),
    digest,
    ...(Number.isNaN(modified) ? {} : { mtimeSeconds: Math.floor(modified / 1000) }),
  };
}

async function follow(url: string, signal: AbortSignal): Promise<Response> {
  let at = url;
  for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects++) {
    const response = await get(at, signal);
    const location = response.headers.get("location");
    if (response.status < 300 || response.status >= 400 || location === null) {
      if (response.ok) return response;
      throw new FailedPreconditionError(
        `failed to load ${url}: invalid response status ${response.status}`,
      );
    }
    at = new URL(location, at).href;
    if (!/^https?:/.test(at)) throw new InvalidArgumentError(`${url} leads to ${at}`);
  }
  throw new FailedPreconditionError(`failed to load ${url}: too many redirects`);
}

async function get(url: string, signal: AbortSignal): Promise<Response> {
  try {
    return await fetch(url, { signal, redirect: "manual" });
  } catch (cause) {
    signal.throwIfAborted();
    throw new FailedPreconditionError(`failed to load ${url}: ${messageOf(cause)}`, { cause });
  }
}

/** What the server calls it, else the last part of the path. */
function nameOf(url: string, response: Response): string {
  const disposition = response.headers.get("content-disposition") ?? "";
  const [, quoted, bare] =
    /filename\*?=(?:UTF-8'')?(?:"([^"]+)"|([^;\s]+))/i.exec(disposition) ?? [];
  const told = quoted ?? bare;
  const path = decodeURIComponent(new URL(url).pathname);
  const name = (told ?? path).split("/").at(-1) ?? "";
  return name === "" || name === "." || name === ".." ? "download" : name;
}
