import { expect, test } from "bun:test";
import { EMPTY_EXECUTION_CONFIG, type ImageConfig } from "#spec/oci-image.ts";
import { finishConfig } from "./finish-config.ts";

function config(...created: readonly (string | undefined)[]): ImageConfig {
  return {
    author: "",
    platform: { os: "linux", architecture: "amd64" },
    osFeatures: [],
    config: EMPTY_EXECUTION_CONFIG,
    diffIds: [],
    history: created.map((time, index) => ({
      createdBy: String(index),
      author: "",
      comment: "",
      emptyLayer: false,
      ...(time === undefined ? {} : { created: time }),
    })),
    comment: "",
    dockerVersion: "",
  };
}

test("steps without files have the time of the first new layer", () => {
  const finished = finishConfig(config("2020-01-01T00:00:00Z", undefined, "2021-01-01T00:00:00Z"));
  expect(finished.history.map(({ created }) => created)).toEqual([
    "2020-01-01T00:00:00Z",
    "2021-01-01T00:00:00Z",
    "2021-01-01T00:00:00Z",
  ]);
  expect(finished.created).toBe("2021-01-01T00:00:00Z");
});

test("with a source date no time is later, and earlier ones stay", () => {
  const latestSeconds = Date.parse("2020-06-01T00:00:00Z") / 1000;
  const finished = finishConfig(
    config("2020-01-01T00:00:00Z", undefined, "2021-01-01T00:00:00Z"),
    latestSeconds,
  );
  expect(finished.history.map(({ created }) => created)).toEqual([
    "2020-01-01T00:00:00Z",
    "2020-06-01T00:00:00.000Z",
    "2020-06-01T00:00:00.000Z",
  ]);
  expect(finished.created).toBe("2020-06-01T00:00:00.000Z");
});
