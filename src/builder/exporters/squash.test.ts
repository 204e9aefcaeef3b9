import { expect, test } from "bun:test";
import { parseDiffId, parseDigest } from "#spec/digest.ts";
import { EMPTY_EXECUTION_CONFIG, type ImageConfig } from "#spec/oci-image.ts";
import { squashedConfig } from "./squash.ts";

const IMAGE = parseDigest(`sha256:${"1".repeat(64)}`);
const BASE = parseDigest(`sha256:${"2".repeat(64)}`);
const CREATED = "2021-01-01T00:00:00Z";

/** Lines of history, and as many layers as `layerCount`. */
function config(layerCount: number, ...isEmpty: readonly boolean[]): ImageConfig {
  return {
    author: "",
    created: "2020-01-01T00:00:00Z",
    platform: { os: "linux", architecture: "amd64" },
    osFeatures: [],
    config: EMPTY_EXECUTION_CONFIG,
    diffIds: Array.from({ length: layerCount }, () => parseDiffId(IMAGE)),
    history: isEmpty.map((emptyLayer, index) => ({
      createdBy: String(index),
      author: "",
      comment: "",
      emptyLayer,
    })),
    comment: "",
    dockerVersion: "",
  };
}

function linesOf({ history }: ImageConfig): readonly (readonly [string, boolean])[] {
  return history.map(({ createdBy, comment, emptyLayer }) => [createdBy || comment, emptyLayer]);
}

test("squashedConfig() empties the stage's own lines and adds one for the layer", () => {
  const base = { imageId: BASE, layerCount: 1, historyCount: 2 };
  const squashed = squashedConfig(config(2, false, true, false, true, false), base, {
    imageId: IMAGE,
    created: CREATED,
  });
  expect(linesOf(squashed)).toEqual([
    ["0", false],
    ["1", true],
    ["2", true],
    ["3", true],
    ["4", true],
    [`merge ${IMAGE} to ${BASE}`, false],
  ]);
  expect([squashed.created, squashed.history.at(-1)?.created]).toEqual([CREATED, CREATED]);
});

test("squashedConfig() names no base where there is none", () => {
  const squashed = squashedConfig(
    config(1, false, false),
    { layerCount: 0, historyCount: 0 },
    { imageId: IMAGE, created: CREATED },
  );
  expect(linesOf(squashed)).toEqual([
    ["0", true],
    ["1", true],
    [`create new from ${IMAGE}`, false],
  ]);
});

test("squashedConfig() counts no layer where the stage made none", () => {
  const base = { imageId: BASE, layerCount: 1, historyCount: 1 };
  const squashed = squashedConfig(config(1, false, true), base, { imageId: IMAGE });
  expect(linesOf(squashed)).toEqual([
    ["0", false],
    ["1", true],
    [`merge ${IMAGE} to ${BASE}`, true],
  ]);
  expect(squashed.created).toBe("2020-01-01T00:00:00Z");
});
