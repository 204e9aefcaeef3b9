import type { ImageSummary } from "@docker/node-sdk";
import { formatDecimalSize } from "#base/sizes.ts";
import type { ListFormat } from "#cli/output/list.ts";
import { goTimeString, shortId, timeAgo } from "#cli/output/texts.ts";
import { type ImageReference, familiarName, tryParseImageReference } from "#spec/reference.ts";

/** One line of the list: an image under one of its names. */
export interface ImageRow {
  readonly image: ImageSummary;
  readonly repository: string;
  readonly tag: string;
  readonly digest: string;
}

const none = "<none>";
const created = "{{if .CreatedSince }}{{.CreatedSince}}{{else}}N/A{{end}}";
const table = `{{.Repository}}\t{{.Tag}}\t{{.ID}}\t${created}\t{{.Size}}`;
const tableWithDigests = `{{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}\t${created}\t{{.Size}}`;

export function imageListFormat(
  now: Date,
  truncate: boolean,
  withDigests: boolean,
): ListFormat<ImageRow> {
  return {
    goType: "*formatter.imageContext",
    table: withDigests ? tableWithDigests : table,
    quiet: "{{.ID}}",
    raw: rawTemplate(withDigests),
    configKey: "imagesFormat",
    headers: {
      ID: "IMAGE ID",
      Repository: "REPOSITORY",
      Tag: "TAG",
      Digest: "DIGEST",
      CreatedSince: "CREATED",
      CreatedAt: "CREATED AT",
      Size: "SIZE",
      Containers: "CONTAINERS",
      SharedSize: "SHARED SIZE",
      UniqueSize: "UNIQUE SIZE",
    },
    fields: (row) => imageFields(row, now, truncate),
  };
}

function rawTemplate(withDigests: boolean): string {
  const lines = [
    "repository: {{ .Repository }}",
    "tag: {{.Tag}}",
    ...(withDigests ? ["digest: {{.Digest}}"] : []),
    "image_id: {{.ID}}",
    "created_at: {{.CreatedAt}}",
    "virtual_size: {{.Size}}",
  ];
  return `${lines.join("\n")}\n`;
}

function imageFields(
  row: ImageRow,
  now: Date,
  truncate: boolean,
): Readonly<Record<string, unknown>> {
  const { image } = row;
  const createdMs = image.Created * 1000;
  const knowsShared = image.SharedSize >= 0;
  return {
    ID: truncate ? shortId(image.Id) : image.Id,
    Repository: row.repository,
    Tag: row.tag,
    Digest: row.digest,
    CreatedSince: image.Created > 0 ? timeAgo(createdMs, now) : "N/A",
    CreatedAt: () => (image.Created > 0 ? goTimeString(createdMs) : "N/A"),
    Size: formatDecimalSize(image.Size, 3),
    Containers: image.Containers >= 0 ? String(image.Containers) : "N/A",
    SharedSize: knowsShared ? formatDecimalSize(image.SharedSize) : "N/A",
    UniqueSize: knowsShared ? formatDecimalSize(image.Size - image.SharedSize) : "N/A",
  };
}

/**
 * The lines of each image: one a name and tag; with `withDigests` one a digest of each name. Names
 * without a tag get `<none>`, images without a name one line.
 */
export function imageRows(images: readonly ImageSummary[], withDigests: boolean): ImageRow[] {
  return images.flatMap((image) => rowsOf(image, withDigests));
}

function rowsOf(image: ImageSummary, withDigests: boolean): ImageRow[] {
  const tags = namesOf(image.RepoTags);
  const digests = namesOf(image.RepoDigests);
  const repositories = [...new Set([...tags, ...digests].map(familiarName))];
  const rows = repositories.flatMap((repository): ImageRow[] => {
    const ownTags = tags
      .filter((name) => familiarName(name) === repository)
      .map((name) => name.tag);
    const ownDigests = digests
      .filter((name) => familiarName(name) === repository)
      .map((name) => name.digest);
    const shownTags = ownTags.length > 0 ? ownTags : [none];
    const shownDigests = ownDigests.length > 0 ? ownDigests : [none];
    if (!withDigests) {
      return shownTags.map((tag) => ({ image, repository, tag: tag ?? none, digest: none }));
    }
    return shownTags.flatMap((tag) =>
      shownDigests.map((digest) => ({
        image,
        repository,
        tag: tag ?? none,
        digest: digest ?? none,
      })),
    );
  });
  return rows.length > 0 ? rows : [{ image, repository: none, tag: none, digest: none }];
}

function namesOf(names: readonly string[] | undefined): ImageReference[] {
  return (names ?? []).flatMap((name) => {
    const parsed = tryParseImageReference(name);
    return parsed.ok ? [parsed.reference] : []; // <none>:<none> of old engines
  });
}
