import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readBuildOptions } from "#builder/attributes.ts";
import { readDockerfile } from "#builder/language/stages.ts";
import { outlineText, targetsText } from "#spec/buildkit/outline.ts";
import { outlineOf } from "./outline.ts";
import { targetsOf } from "./targets.ts";

interface Case {
  readonly name: string;
  readonly target: string;
  readonly buildArgs: readonly string[];
  readonly dockerfile: string;
  /** What docker 28 printed. */
  readonly outline: object;
  readonly targets: object;
  readonly outlineText: string;
  readonly targetsText: string;
}

const HOST = { os: "linux", architecture: "amd64" };
const cases = JSON.parse(
  readFileSync(join(import.meta.dirname, "testdata/cases.json"), "utf8"),
) as Case[];

for (const { name, target, buildArgs, dockerfile, ...told } of cases) {
  test(`outline and targets of ${[name, target, ...buildArgs].join(" ")} are what docker tells`, () => {
    const attributes = Object.fromEntries(
      buildArgs.map((row) => [`build-arg:${row.split("=")[0]}`, row.split("=")[1] ?? ""]),
    );
    const given = target === "" ? attributes : { ...attributes, target };
    const file = readDockerfile(dockerfile);
    const options = readBuildOptions(given, HOST);
    const outline = outlineOf(file, options, { build: HOST, target: HOST });
    expect(outline as object).toEqual(told.outline);
    // docker's rows of one line of the file come in any order
    const rows = (text: string): readonly string[] => text.trimEnd().split("\n").toSorted();
    expect(rows(outlineText(outline))).toEqual(rows(told.outlineText));
    const targets = targetsOf(file);
    expect(targets as object).toEqual(told.targets);
    expect(targetsText(targets)).toBe(told.targetsText);
  });
}
