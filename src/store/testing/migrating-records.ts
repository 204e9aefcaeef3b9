import type { CollectionDefinition } from "#store/store.ts";

/** As an older Wharf wrote them. */
export const OLD_BOXES: CollectionDefinition<string> = { name: "boxes", version: 1 };
export const OLD_LIDS: CollectionDefinition<string> = { name: "lids", version: 1 };

interface Labelled {
  readonly labels: readonly string[];
}

/** Today's shapes of the same records. @param onRecord Told before each record is migrated. */
export function newDefinitions(onRecord: () => void = () => {}): {
  readonly boxes: CollectionDefinition<Labelled>;
  readonly lids: CollectionDefinition<Labelled>;
} {
  const migrate = (value: unknown): Labelled => {
    onRecord();
    return { labels: String(value).split(" ") };
  };
  const shape = {
    version: 2,
    migrate,
    indexes: { label: ({ labels }: Labelled) => labels },
  };
  return { boxes: { name: "boxes", ...shape }, lids: { name: "lids", ...shape } };
}
