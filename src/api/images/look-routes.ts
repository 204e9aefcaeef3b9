import type { ImageManifestSummary } from "@docker/node-sdk";
import { type Exchange, pathPart, sendJson } from "#api/exchange.ts";
import type { Query } from "#api/query.ts";
import { answer, type Route } from "#api/router.ts";
import type { Wire } from "#api/wire.ts";
import type { ImageRecord } from "#images/images.ts";
import type { Digest } from "#spec/digest.ts";
import { parseFilters } from "#spec/engine-api/filters.ts";
import { isAtLeast } from "#spec/engine-api/version.ts";
import { answerAttestations } from "./attestations.ts";
import type { ImagesBackend } from "./backend.ts";
import { readPlatformOf } from "./platform.ts";
import { historyToWire, inspectToWire, manifestToWire, summaryToWire } from "./wire.ts";

const LIST_FILTERS = ["before", "dangling", "label", "reference", "since", "until"] as const;

type Users = ReadonlyMap<Digest, readonly string[]>;

async function manifestsOf(
  images: ImagesBackend,
  image: ImageRecord,
  users: Users,
  query: Query,
): Promise<readonly Wire<ImageManifestSummary>[]> {
  const withIdentity = query.boolean("identity");
  return (await images.manifests(image)).map((one) => {
    const containerIds = one.image ? (users.get(one.image.id) ?? []) : [];
    return manifestToWire(one, { containerIds, withIdentity });
  });
}

async function listImages(exchange: Exchange, images: ImagesBackend): Promise<void> {
  const { query, version } = exchange;
  const found = images.list({
    all: query.boolean("all"),
    filters: parseFilters(query.get("filters"), LIST_FILTERS),
  });
  const users = await images.containersByImage();
  const shared = query.boolean("shared-size") ? images.sizes().sharedBytes : undefined;
  const withManifests = query.boolean("manifests") && isAtLeast(version, "1.47");
  const rows: unknown[] = [];
  for (const image of found) {
    const variants = images.variants(image);
    const containers = variants.flatMap(({ id }) => users.get(id) ?? []).length;
    const sharedBytes = shared?.get(image.id) ?? -1;
    const sizeBytes = variants.reduce((sum, one) => sum + one.sizeBytes, 0);
    const Manifests = withManifests ? await manifestsOf(images, image, users, query) : undefined;
    rows.push({
      ...summaryToWire({ ...image, sizeBytes }, { containers, sharedBytes }, version),
      ...(Manifests ? { Manifests } : {}),
    });
  }
  sendJson(exchange, 200, rows);
}

async function inspectImage(exchange: Exchange, images: ImagesBackend): Promise<void> {
  const { query, version } = exchange;
  const image = images.resolve(pathPart(exchange, "name"), readPlatformOf(query, "platform"));
  const body = inspectToWire(image, images.graphDriver(image), version);
  if (!query.boolean("manifests") || !isAtLeast(version, "1.48")) {
    sendJson(exchange, 200, body);
    return;
  }
  const users = await images.containersByImage();
  sendJson(exchange, 200, { ...body, Manifests: await manifestsOf(images, image, users, query) });
}

/**
 * Everything that looks at images.
 *
 * @param save Sends the archive of some.
 */
export function lookRoutes(
  images: ImagesBackend,
  save: (exchange: Exchange, names: readonly string[]) => Promise<void>,
): readonly Route[] {
  return [
    answer("GET", "/images/json", (exchange) => listImages(exchange, images)),
    answer("GET", "/images/{name:.*}/json", (exchange) => inspectImage(exchange, images)),
    answer("GET", "/images/{name:.*}/history", (exchange) => {
      const name = pathPart(exchange, "name");
      const entries = images.history(name, readPlatformOf(exchange.query, "platform"));
      sendJson(exchange, 200, entries.map(historyToWire));
    }),
    answer("GET", "/images/{name:.*}/attestations", (exchange) =>
      answerAttestations(exchange, images),
    ),
    answer("GET", "/images/get", (exchange) => {
      const names = exchange.query.all("names").flatMap((text) => text.split(","));
      return save(
        exchange,
        names.filter((name) => name !== ""),
      );
    }),
    answer("GET", "/images/{name:.*}/get", (exchange) =>
      save(exchange, [pathPart(exchange, "name")]),
    ),
  ];
}
