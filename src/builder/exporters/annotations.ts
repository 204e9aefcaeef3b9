import { InvalidArgumentError } from "#base/errors.ts";
import { formatPlatform, parsePlatform, type Platform } from "#spec/platform.ts";

/** What an annotation is written into: a document, or the entry that names it. */
export type AnnotationKind = "manifest" | "index" | "manifest-descriptor" | "index-descriptor";

export interface Annotation {
  readonly kind: AnnotationKind;
  /** Only on the image for it; on all where absent. */
  readonly platform?: Platform;
  readonly key: string;
  readonly value: string;
}

const NAME =
  /^annotation(?:-(manifest|index|manifest-descriptor|index-descriptor))?(?:\[([^\]]*)\])?\.(.+)$/;

/**
 * Reads an exporter's attribute `annotation-KIND[PLATFORM].KEY`.
 *
 * @returns Undefined where it is another one.
 * @throws {InvalidArgumentError} Of an index for one platform: with BuildKit's words.
 */
export function tryReadAnnotation(
  name: string,
  value: string,
  host: Platform,
): Annotation | undefined {
  const [, written, platform, key] = NAME.exec(name) ?? [];
  if (key === undefined) return undefined;
  const kind = (written ?? "manifest") as AnnotationKind; // the pattern has no other words
  if (platform === undefined || platform === "") return { kind, key, value };
  if (kind === "index" || kind === "index-descriptor") {
    throw new InvalidArgumentError(
      `Cannot annotate by ${name}: an ${kind} is not for one platform alone`,
    );
  }
  return { kind, platform: parsePlatform(platform, host), key, value };
}

/**
 * Those of one kind, for one platform; later ones win.
 *
 * @returns Undefined where there are none, as documents leave the field out.
 */
export function annotationsOf(
  annotations: readonly Annotation[],
  kind: AnnotationKind,
  platform?: Platform,
): Readonly<Record<string, string>> | undefined {
  const found = annotations
    .filter((one) => one.kind === kind)
    .filter(
      (one) =>
        one.platform === undefined ||
        (platform !== undefined && formatPlatform(one.platform) === formatPlatform(platform)),
    )
    .map(({ key, value }) => [key, value] as const);
  if (found.length === 0) return undefined;
  // as Go writes maps
  return Object.fromEntries(found.toSorted(([left], [right]) => (left < right ? -1 : 1)));
}
