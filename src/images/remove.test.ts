import { beforeEach, describe, expect, test } from "bun:test";
import { type Digest, digestHex, digestOf } from "#spec/digest.ts";
import { EMPTY_EXECUTION_CONFIG } from "#spec/oci-image.ts";
import { MemoryStore } from "#store/memory/store.ts";
import type { ImageRecord, ImageUser } from "./images.ts";
import { listImages } from "./list.ts";
import { pruneImages } from "./prune.ts";
import { ImageRecords } from "./records.ts";
import { removeImage } from "./remove.ts";

const NOW = BigInt(Date.parse("2024-06-01T00:00:00Z")) * 1_000_000n;
const CONTAINER = "c".repeat(64);
let records: ImageRecords;

beforeEach(() => {
  records = new ImageRecords(new MemoryStore());
});

interface Given {
  readonly tags?: readonly string[];
  readonly repoDigests?: readonly string[];
  readonly parent?: string;
  readonly created?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

function idOf(name: string): Digest {
  return digestOf(name);
}

function add(name: string, given: Given = {}): ImageRecord {
  const id = idOf(name);
  const image: ImageRecord = {
    id,
    config: {
      author: "",
      platform: { os: "linux", architecture: "amd64" },
      osFeatures: [],
      config: { ...EMPTY_EXECUTION_CONFIG, labels: given.labels ?? {} },
      diffIds: [],
      history: [],
      comment: "",
      dockerVersion: "",
      created: given.created ?? "2024-01-01T00:00:00Z",
    },
    diffIds: [],
    layers: [],
    manifest: { mediaType: "", digest: digestOf(`${name} manifest`), sizeBytes: 0 },
    tags: given.tags ?? [],
    repoDigests: given.repoDigests ?? [],
    sizeBytes: 0,
    createdLocallyMs: 0,
    ...(given.parent === undefined ? {} : { parentId: idOf(given.parent) }),
  };
  records.put(image);
  return image;
}

function user(name: string, isRunning = false): ImageUser {
  return { containerId: CONTAINER, imageId: idOf(name), isRunning };
}

function remove(
  reference: string,
  options: {
    readonly force?: boolean;
    readonly users?: readonly ImageUser[];
    readonly held?: Digest;
  } = {},
): readonly string[] {
  const context = {
    records,
    users: options.users ?? [],
    isHeld: (id: Digest): boolean => id === options.held,
  };
  const request = { reference, force: options.force ?? false, pruneParents: true };
  return removeImage(context, request).removed.map((item) =>
    item.deleted === undefined ? `- ${item.untagged}` : `x ${nameOf(item.deleted)}`,
  );
}

function nameOf(id: string): string {
  return ["a", "b", "base", "mid", "top"].find((name) => idOf(name) === id) ?? id;
}

const short = (name: string): string => digestHex(idOf(name)).slice(0, 12);
const digested = `reg.io/a@sha256:${"d".repeat(64)}`;

describe("removeImage()", () => {
  test("by its only tag deletes the image", () => {
    add("a", { tags: ["a:1"] });
    expect(remove("a:1")).toEqual(["- a:1", "x a"]);
  });

  test("by one of its tags only untags", () => {
    add("a", { tags: ["a:1", "b:1"] });
    expect(remove("b:1")).toEqual(["- b:1"]);
    expect(records.resolve("a:1").tags).toEqual(["a:1"]);
  });

  test("by its last tag takes the repository's digests along", () => {
    add("a", { tags: ["reg.io/a:1"], repoDigests: [digested] });
    expect(remove("reg.io/a:1")).toEqual(["- reg.io/a:1", `- ${digested}`, "x a"]);
  });

  test("by id takes its single tag along, by prefix too", () => {
    add("a", { tags: ["reg.io/a:1"], repoDigests: [digested] });
    expect(remove(short("a"))).toEqual(["- reg.io/a:1", `- ${digested}`, "x a"]);
  });

  test("by id with several tags is refused unless forced", () => {
    add("a", { tags: ["a:1", "b:1"] });
    expect(() => remove(short("a"))).toThrow(
      `conflict: unable to delete ${short("a")} (must be forced) - image is referenced in multiple repositories`,
    );
    expect(remove(short("a"), { force: true })).toEqual(["- a:1", "- b:1", "x a"]);
  });

  test("by tag is refused while a container uses the image; forced, only the tag goes", () => {
    add("a", { tags: ["a:latest"] });
    const users = [user("a", true)];
    expect(() => remove("a", { users })).toThrow(
      `conflict: unable to remove repository reference "a" (must force) - container cccccccccccc ` +
        `is using its referenced image ${short("a")}`,
    );
    expect(remove("a", { users, force: true })).toEqual(["- a:latest"]);
    expect(records.get(idOf("a"))?.tags).toEqual([]);
  });

  test("by id names the container, stopped ones can be forced", () => {
    add("a", { tags: ["a:1"] });
    expect(() => remove(short("a"), { users: [user("a")] })).toThrow(
      `conflict: unable to delete ${short("a")} (must be forced) - image is being used by stopped container cccccccccccc`,
    );
    expect(() => remove(short("a"), { users: [user("a", true)], force: true })).toThrow(
      `conflict: unable to delete ${short("a")} (cannot be forced) - image is being used by running container cccccccccccc`,
    );
    expect(records.get(idOf("a"))?.tags).toEqual(["a:1"]);
    expect(remove(short("a"), { users: [user("a")], force: true })).toEqual(["- a:1", "x a"]);
  });

  test("of a parent is refused, of the child prunes its untagged parents", () => {
    add("base", { tags: ["base:1"] });
    add("mid", { parent: "base" });
    add("top", { tags: ["top:1"], parent: "mid" });
    expect(() => remove(short("mid"), { force: true })).toThrow(
      `conflict: unable to delete ${short("mid")} (cannot be forced) - image has dependent child images`,
    );
    expect(remove("top:1")).toEqual(["- top:1", "x top", "x mid"]);
    expect(records.resolve("base:1").id).toBe(idOf("base"));
  });

  test("is refused while an operation holds the image", () => {
    add("a");
    expect(() => remove(short("a"), { held: idOf("a"), force: true })).toThrow("cannot be forced");
  });

  test("of what is not there says so in docker's words", () => {
    expect(() => remove("nothing")).toThrow("No such image: nothing:latest");
    add("a");
    add("b");
    records.put({
      ...add("base"),
      id: `sha256:${digestHex(idOf("a")).slice(0, 8)}${"0".repeat(56)}` as Digest,
    });
    expect(() => remove(digestHex(idOf("a")).slice(0, 8))).toThrow("ambiguous image ID prefix");
  });
});

describe("listImages()", () => {
  const list = (
    filters: Readonly<Record<string, readonly string[]>>,
    all = false,
  ): readonly string[] =>
    listImages(records, { all, filters: new Map(Object.entries(filters)) }, NOW).map((image) =>
      `${nameOf(image.id)} ${image.tags.join(" ")}`.trim(),
    );

  beforeEach(() => {
    add("base", { created: "2024-01-01T00:00:00Z" });
    add("mid", {
      created: "2024-02-01T00:00:00Z",
      tags: ["reg.io/x/mid:1", "mid:2"],
      labels: { a: "1" },
    });
    add("top", { created: "2024-03-01T00:00:00Z", parent: "base", labels: { a: "2", b: "" } });
    add("a", { created: "2024-04-01T00:00:00Z" });
  });

  test("hides intermediate images, newest first", () => {
    expect(list({})).toEqual(["a", "top", "mid reg.io/x/mid:1 mid:2"]);
    expect(list({}, true)).toEqual(["a", "top", "mid reg.io/x/mid:1 mid:2", "base"]);
  });

  test("dangling", () => {
    expect(list({ dangling: ["true"] })).toEqual(["a", "top"]);
    expect(list({ dangling: ["false"] })).toEqual(["mid reg.io/x/mid:1 mid:2"]);
    expect(() => list({ dangling: ["x"] })).toThrow("invalid filter 'dangling=[x]'");
  });

  test("reference shows the tags that match only", () => {
    expect(list({ reference: ["mid"] })).toEqual(["mid mid:2"]);
    expect(list({ reference: ["*/*/mid:*"] })).toEqual(["mid reg.io/x/mid:1"]);
    expect(list({ reference: ["none"] })).toEqual([]);
  });

  test("label, before, since, until", () => {
    expect(list({ label: ["a"] })).toEqual(["top", "mid reg.io/x/mid:1 mid:2"]);
    expect(list({ label: ["a=2"] })).toEqual(["top"]);
    expect(list({ before: ["mid:2"] }, true)).toEqual(["base"]);
    expect(list({ since: ["mid:2"] })).toEqual(["a", "top"]);
    expect(list({ until: ["2024-02-15"] })).toEqual(["mid reg.io/x/mid:1 mid:2"]);
    expect(() => list({ before: ["nope"] })).toThrow("No such image: nope:latest");
    expect(() => list({ until: ["xx"] })).toThrow("failed to parse value as time or duration");
  });
});

describe("pruneImages()", () => {
  const prune = (
    filters: Readonly<Record<string, readonly string[]>>,
    users: readonly ImageUser[] = [],
  ): readonly string[] => {
    const context = { records, users, isHeld: (): boolean => false };
    return pruneImages(context, new Map(Object.entries(filters)), NOW).flatMap((removal) =>
      removal.removed.map((item) => item.untagged ?? nameOf(item.deleted ?? "")),
    );
  };

  beforeEach(() => {
    add("base", { created: "2024-01-01T00:00:00Z" });
    add("top", { created: "2024-03-01T00:00:00Z", parent: "base" });
    add("a", { created: "2024-05-31T23:00:00Z", tags: ["a:1", "b:1"], labels: { keep: "" } });
  });

  test("removes dangling images and their parents", () => {
    expect(prune({})).toEqual(["top", "base"]);
    expect(prune({})).toEqual([]);
  });

  test("removes all unused with dangling=false", () => {
    expect(prune({ dangling: ["false"] }, [user("top")])).toEqual(["a:1", "b:1", "a"]);
  });

  test("leaves what is in use, too new or labelled", () => {
    expect(prune({ dangling: ["false"], until: ["24h"] })).toEqual(["top", "base"]);
    expect(prune({ dangling: ["false"], "label!": ["keep"] })).toEqual([]);
    expect(prune({ dangling: ["false"] }, [user("a")])).toEqual([]);
  });
});
