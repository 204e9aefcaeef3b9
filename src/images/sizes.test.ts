import { expect, test } from "bun:test";
import { chainIdsOf, digestOf, parseDiffId } from "#spec/digest.ts";
import { measureImages } from "./sizes.ts";

test("measureImages() counts each layer once, and as shared where two images have it", () => {
  const [base, left, right] = ["base", "left", "right"].map((text) =>
    parseDiffId(digestOf(Buffer.from(text))),
  );
  if (!base || !left || !right) throw new Error("three layers");
  const sizes = new Map([
    [chainIdsOf([base])[0], 100],
    [chainIdsOf([base, left])[1], 10],
    [chainIdsOf([base, right])[1], 1],
  ]);
  const idOf = (text: string): ReturnType<typeof digestOf> => digestOf(Buffer.from(text));
  const images = [
    { id: idOf("a"), diffIds: [base, left] },
    { id: idOf("b"), diffIds: [base, right] },
    { id: idOf("empty"), diffIds: [] },
  ];
  expect(measureImages(images, (chainId) => sizes.get(chainId) ?? 0)).toEqual({
    layersBytes: 111,
    sharedBytes: new Map([
      [idOf("a"), 100],
      [idOf("b"), 100],
      [idOf("empty"), 0],
    ]),
  });
});
