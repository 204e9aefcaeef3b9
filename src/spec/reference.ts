import { InvalidArgumentError } from "#base/errors.ts";
import { type Digest, parseDigest, tryParseDigest } from "./digest.ts";

/**
 * A Docker image reference in normal form: `nginx` is domain `docker.io`, path `library/nginx`.
 * Without tag and digest it names a repository; `withDefaultTag` makes it name an image.
 *
 * The grammar is that of distribution/reference.
 */
export interface ImageReference {
  /** Registry host, perhaps with port: `docker.io`, `localhost:5000`, `[::1]:5000`. */
  readonly domain: string;
  /** Repository in the registry: `library/nginx`. */
  readonly path: string;
  readonly tag?: string;
  readonly digest?: Digest;
}

const DEFAULT_DOMAIN = "docker.io";
const LEGACY_DEFAULT_DOMAIN = "index.docker.io";
const OFFICIAL_PREFIX = "library/";
const PATH_MAX_LENGTH = 255;
/** Longer than any valid reference; bounds the work on hostile input. */
const REFERENCE_MAX_LENGTH = 2048;

const DOMAIN_COMPONENT = "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])";
const DOMAIN = `(?:${DOMAIN_COMPONENT}(?:\\.${DOMAIN_COMPONENT})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?`;
const PATH_COMPONENT = "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*";
const TAG = "[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}";
const DIGEST = "[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}";
const REFERENCE_PATTERN: RegExp = new RegExp(
  `^(?:(${DOMAIN})/)?(${PATH_COMPONENT}(?:/${PATH_COMPONENT})*)(?::(${TAG}))?(?:@(${DIGEST}))?$`,
);
const TAG_PATTERN: RegExp = new RegExp(`^${TAG}$`);

function splitDomain(name: string): { readonly domain: string; readonly rest: string } {
  const slash = name.indexOf("/");
  if (slash < 0) return { domain: DEFAULT_DOMAIN, rest: OFFICIAL_PREFIX + name };
  const first = name.slice(0, slash);
  const others = name.slice(slash + 1);
  const isDomain = first === "localhost" || /[.:]/.test(first) || first.toLowerCase() !== first;
  if (!isDomain) return { domain: DEFAULT_DOMAIN, rest: name };
  if (first !== LEGACY_DEFAULT_DOMAIN && first !== DEFAULT_DOMAIN) {
    return { domain: first, rest: others };
  }
  const rest = others.includes("/") ? others : OFFICIAL_PREFIX + others;
  return { domain: DEFAULT_DOMAIN, rest };
}

/**
 * Parses what a user types: `nginx`, `nginx:1.27`, `localhost:5000/a/b@sha256:…`.
 *
 * @throws {InvalidArgumentError} With Docker's text.
 */
export function parseImageReference(text: string): ImageReference {
  if (/^[a-f0-9]{64}$/.test(text)) {
    throw new InvalidArgumentError(
      `invalid repository name (${text}), cannot specify 64-byte hexadecimal strings`,
    );
  }
  if (text.length > REFERENCE_MAX_LENGTH)
    throw new InvalidArgumentError("invalid reference format");
  const { domain, rest } = splitDomain(text);
  const colon = rest.indexOf(":");
  const remote = colon < 0 ? rest : rest.slice(0, colon);
  if (remote.toLowerCase() !== remote) {
    throw new InvalidArgumentError(
      `invalid reference format: repository name (${remote}) must be lowercase`,
    );
  }
  const match = REFERENCE_PATTERN.exec(`${domain}/${rest}`);
  const path = match?.[2];
  if (!match || path === undefined || match[1] !== domain) {
    throw new InvalidArgumentError("invalid reference format");
  }
  if (path.length > PATH_MAX_LENGTH) {
    throw new InvalidArgumentError(
      `repository name must not be more than ${PATH_MAX_LENGTH} characters`,
    );
  }
  const tag = match[3];
  const digest = match[4] === undefined ? undefined : parseDigest(match[4]);
  return {
    domain,
    path,
    ...(tag === undefined ? {} : { tag }),
    ...(digest === undefined ? {} : { digest }),
  };
}

export type ImageReferenceResult =
  | { readonly ok: true; readonly reference: ImageReference }
  | { readonly ok: false; readonly reason: string };

export function tryParseImageReference(text: string): ImageReferenceResult {
  try {
    return { ok: true, reference: parseImageReference(text) };
  } catch (error) {
    if (error instanceof InvalidArgumentError) return { ok: false, reason: error.message };
    throw error;
  }
}

/** What the argument of `inspect`, `run` or `rmi` may mean besides a (prefix of an) image ID. */
export type ImageName =
  | { readonly kind: "id"; readonly digest: Digest }
  | { readonly kind: "reference"; readonly reference: ImageReference };

/**
 * Like `parseImageReference`, but 64 hex digits or `sha256:<hex>` mean an image ID.
 *
 * @throws {InvalidArgumentError} With Docker's text.
 */
export function parseImageName(text: string): ImageName {
  if (/^[a-f0-9]{64}$/.test(text)) return { kind: "id", digest: parseDigest(`sha256:${text}`) };
  const result = tryParseDigest(text);
  if (result.ok) return { kind: "id", digest: result.digest };
  return { kind: "reference", reference: parseImageReference(text) };
}

/** @throws {InvalidArgumentError} When it is no tag. */
export function parseTag(text: string): string {
  if (!TAG_PATTERN.test(text)) throw new InvalidArgumentError("invalid tag format");
  return text;
}

export function withTag(reference: ImageReference, tag: string): ImageReference {
  return { ...reference, tag: parseTag(tag) };
}

/** `:latest` where neither tag nor digest is given. */
export function withDefaultTag(reference: ImageReference): ImageReference {
  if (reference.tag !== undefined || reference.digest !== undefined) return reference;
  return { ...reference, tag: "latest" };
}

function suffix(reference: ImageReference): string {
  const tag = reference.tag === undefined ? "" : `:${reference.tag}`;
  const digest = reference.digest === undefined ? "" : `@${reference.digest}`;
  return tag + digest;
}

/** `docker.io/library/nginx`, without tag and digest. */
export function repositoryName(reference: ImageReference): string {
  return `${reference.domain}/${reference.path}`;
}

/** `docker.io/library/nginx:1.27`: unambiguous, the form to store. */
export function formatImageReference(reference: ImageReference): string {
  return repositoryName(reference) + suffix(reference);
}

/** `nginx`, the repository as a user types it. */
export function familiarName(reference: ImageReference): string {
  if (reference.domain !== DEFAULT_DOMAIN) return repositoryName(reference);
  const bare = reference.path.startsWith(OFFICIAL_PREFIX)
    ? reference.path.slice(OFFICIAL_PREFIX.length)
    : undefined;
  return bare !== undefined && !bare.includes("/") ? bare : reference.path;
}

/** `nginx:1.27`, the reference as a user types it. */
export function familiarReference(reference: ImageReference): string {
  return familiarName(reference) + suffix(reference);
}
