import { describe, expect, test } from "bun:test";
import { readBuildOptions } from "#builder/attributes.ts";
import { beginStage } from "#builder/graph/stage-state.ts";
import { parseIgnoreFile } from "#spec/ignore/ignore-file.ts";
import { readDockerfile } from "#builder/language/stages.ts";
import { EMPTY_EXECUTION_CONFIG } from "#spec/oci-image.ts";
import { checkDockerfile, type CheckReport } from "./check-dockerfile.ts";
import { CHECK_RULES, type CheckName } from "./rules.ts";
import cases from "./testdata/cases.json" with { type: "json" };

interface Case {
  readonly name: string;
  readonly dockerfile: string;
  readonly args?: Readonly<Record<string, string>>;
  readonly target?: string;
  readonly ignore?: string;
  /** Rule, detail, first line: what docker 28.5 with buildx 0.29 says, each once. */
  readonly warnings: readonly (readonly [string, string, number])[];
  readonly error?: string;
}

const HOST = { os: "linux", architecture: "amd64" };
/** Rules that docker 28 minds only where the file asks for experimental ones, and newer frontends always. */
const STABLE_SINCE: ReadonlySet<CheckName> = new Set(["CopyIgnoredFile"]);

async function check(given: Omit<Case, "warnings" | "name" | "error">): Promise<CheckReport> {
  const { dockerfile, args = {}, target = "", ignore = "" } = given;
  const built = Object.entries(args).map(([name, value]) => [`build-arg:${name}`, value] as const);
  const attributes: Readonly<Record<string, string>> = { target, ...Object.fromEntries(built) };
  return await checkDockerfile({
    file: readDockerfile(dockerfile),
    options: readBuildOptions(attributes, HOST),
    ignored: parseIgnoreFile(ignore),
    build: HOST,
    target: HOST,
    isWholeFile: target === "",
    stateOf: async (_, platform) =>
      beginStage({
        config: EMPTY_EXECUTION_CONFIG,
        author: "",
        platform,
        osFeatures: [],
        history: [],
      }),
  });
}

describe("says what docker's own checks say", () => {
  for (const one of cases as unknown as readonly Case[]) {
    test(one.name, async () => {
      let report: CheckReport;
      try {
        report = await check(one);
      } catch (error) {
        if (!(error instanceof Error)) throw error;
        expect(error.message).toBe(one.error ?? "");
        return;
      }
      const found = report.warnings
        .map(({ rule, detail, range }) => [rule, detail, range.startLine] as const)
        .toSorted((a, b) => a[2] - b[2] || compare(a[0], b[0]) || compare(a[1], b[1]));
      expect(found).toEqual(one.warnings.map(([rule, ...rest]) => [rule as CheckName, ...rest]));
      expect(report.error?.message).toBe(one.error);
    });
  }
});

function compare(left: string, right: string): number {
  return left < right ? -1 : Number(left > right);
}

test("every rule of the reference is there, and those that are experimental are marked", async () => {
  const reference = new Set(Object.keys(CHECK_RULES));
  for (const name of STABLE_SINCE) expect(CHECK_RULES[name].isExperimental).toBeUndefined();
  expect(reference.size).toBe(21);
});

test("of a base image that is not here nothing is said about variables", async () => {
  const report = await checkDockerfile({
    file: readDockerfile("FROM far.example/x\nENV a=$b\nWORKDIR c\n"),
    options: readBuildOptions({}, HOST),
    ignored: [],
    build: HOST,
    target: HOST,
    isWholeFile: true,
    stateOf: async () => undefined,
  });
  expect(report.warnings.map(({ rule }) => rule)).toEqual(["WorkdirRelativePath"]);
});
