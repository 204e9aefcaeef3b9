import { InvalidArgumentError } from "#base/errors.ts";
import { parseJson } from "#base/json.ts";
import type { HttpRequest } from "#http1/incoming-request.ts";

/** Largest JSON body that is read, in bytes; a real `ContainerCreate` has a few thousand. */
export const JSON_BODY_MAX_BYTES: number = 8 * 1024 * 1024;

/**
 * Collects a body whole.
 *
 * @throws {InvalidArgumentError} It is larger than `maxBytes`; what follows is not read.
 */
export async function readBytes(
  source: AsyncIterable<Uint8Array>,
  maxBytes: number = JSON_BODY_MAX_BYTES,
): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of source) {
    sizeBytes += chunk.byteLength;
    if (sizeBytes > maxBytes) {
      throw new InvalidArgumentError(`Request body is larger than the limit of ${maxBytes} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/**
 * The rules of Docker's `httputils.ReadJSON`.
 *
 * @returns Undefined when the body is empty.
 * @throws {InvalidArgumentError} With Docker's texts: wrong content type, no JSON, more than one document.
 */
export function parseJsonBody(bytes: Uint8Array, contentType: string | undefined): unknown {
  if (bytes.byteLength === 0) return undefined;
  checkJsonContentType(contentType);
  const text = new TextDecoder().decode(bytes);
  try {
    return parseJson(text, { maxLength: JSON_BODY_MAX_BYTES });
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error;
    const end = endOfFirstDocument(text);
    if (end !== undefined && text.slice(end).trim() !== "") {
      throw new InvalidArgumentError("unexpected content after JSON", { cause: error });
    }
    // Go's stream decoder words the end of its input otherwise than its Unmarshal.
    const message = error.message.replace("unexpected end of JSON input", "unexpected EOF");
    throw new InvalidArgumentError(`invalid JSON: ${message}`, { cause: error });
  }
}

/** @throws {InvalidArgumentError} A content type was given, and is not JSON's. */
export function checkJsonContentType(contentType: string | undefined): void {
  if (contentType === undefined || contentType === "") {
    throw new InvalidArgumentError("malformed Content-Type header (): mime: no media type");
  }
  const mediaType = (contentType.split(";")[0] ?? "").trim().toLowerCase();
  if (mediaType !== "application/json") {
    throw new InvalidArgumentError(
      `unsupported Content-Type header (${contentType}): must be 'application/json'`,
    );
  }
}

/** Reads and parses; undefined for an empty body. */
export async function readJsonBody(request: HttpRequest): Promise<unknown> {
  return parseJsonBody(await readBytes(request), request.fields.get("content-type"));
}

/** As `readJsonBody`, for requests that mean nothing without one. */
export async function readRequiredJsonBody(request: HttpRequest): Promise<unknown> {
  const value = await readJsonBody(request);
  if (value === undefined) {
    const contentType = request.fields.get("content-type");
    if (contentType !== undefined) checkJsonContentType(contentType);
    throw new InvalidArgumentError("invalid JSON: got EOF while reading request body");
  }
  return value;
}

/** Where the first object or array ends; undefined where it does not, or the text begins otherwise. */
function endOfFirstDocument(text: string): number | undefined {
  const first = /[^\s]/.exec(text)?.[0];
  if (first !== "{" && first !== "[") return undefined;
  let depth = 0;
  let inString = false;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (inString) {
      if (character === "\\") at++;
      else if (character === '"') inString = false;
    } else if (character === '"') inString = true;
    else if (character === "{" || character === "[") depth++;
    else if ((character === "}" || character === "]") && --depth === 0) return at + 1;
  }
  return undefined;
}
