import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BuildHistory } from "./build-history.ts";

const root = mkdtempSync(join(tmpdir(), "wharf-history-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

let nowMs = 1000;
const open = (name: string): BuildHistory => new BuildHistory(join(root, name), () => nowMs++);
const END = { response: {}, results: {} };

test("a record survives the engine, with its progress and what was stated", () => {
  const record = open("kept").begin("one", []);
  record.describe("dockerfile.v0", new Map([["target", "x"]]));
  const vertex = { digest: "sha256:1", inputs: [], name: "step", error: "" };
  record.take({
    vertices: [
      { ...vertex, isCached: true, started: undefined, completed: { seconds: 1, nanos: 0 } },
    ],
  });
  const blob = { mediaType: "a/b", digest: "sha256:ab", sizeBytes: 3 };
  const results = { "": { attestations: [blob], images: [] } };
  record.finish({ response: { a: "b" }, results }, new Map([["sha256:ab", Buffer.from("abc")]]));
  const again = open("kept");
  expect(again.list()).toMatchObject([
    { ref: "one", attributes: { target: "x" }, steps: { cached: 1, total: 1, completed: 1 } },
  ]);
  expect(
    [...again.progress("one")].flatMap(({ vertices }) => vertices.map((one) => one.name)),
  ).toEqual(["step"]);
  expect(Buffer.from(again.blob("sha256:ab") ?? []).toString()).toBe("abc");
  expect(again.blob("sha256:../../x")).toBeUndefined();
});

test("the newest fifty stay, and those that are pinned; what has no record goes", () => {
  const history = open("many");
  history.begin("first", []).finish(END, new Map());
  history.pin("first", true);
  for (let number = 0; number < 60; number++) {
    history.begin(`build/${number}`, []).finish(END, new Map());
  }
  expect(history.list()).toHaveLength(51);
  expect(history.has("first")).toBe(true);
  expect(history.has("build/9")).toBe(false);
  mkdirSync(join(root, "many/left-over"));
  open("many");
  expect(readdirSync(join(root, "many"))).toHaveLength(51);
  history.remove("first");
  expect(() => history.remove("first")).toThrow("not found");
});

test("who listens is told of each change until they are gone", () => {
  const history = open("told");
  const told: string[] = [];
  const listening = history.listen(({ kind, record }) => told.push(`${kind} ${record.ref}`));
  history.begin("a", []).finish(END, new Map());
  history.remove("a");
  listening[Symbol.dispose]();
  history.begin("b", []).finish(END, new Map());
  expect(told).toEqual(["started a", "complete a", "deleted a"]);
});
