import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onceEach } from "#compose/file/read-text.ts";
import { openLocalProject, type ProjectRequest } from "#compose/open-project.ts";
import { withServices } from "#compose/select-services.ts";
import { bakeFile } from "./bake-file.ts";
import { type BuildOptions, startOptions } from "./options.ts";
import { buildTargets } from "./targets.ts";
import cases from "./testdata/print-cases.json" with { type: "json" };

/** A file, flags, and what `docker compose build --print` of 2.40.3 writes, with the folder as `<DIR>`. */
interface PrintCase {
  readonly name: string;
  readonly file: object;
  readonly args: readonly string[];
  readonly named?: readonly string[];
  readonly options?: object;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly expected: string;
}

function printed({ file, args, named = [], options = {}, env = {} }: PrintCase): string {
  const parent = mkdtempSync(join(tmpdir(), "wharf-print-"));
  try {
    const directory = join(parent, "case");
    mkdirSync(directory);
    writeFileSync(join(directory, "compose.json"), JSON.stringify(file));
    const environment = new Map(
      Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined),
    );
    const request: ProjectRequest = {
      ...{ files: ["compose.json"], envFiles: [], profiles: [], environment, directory },
      ...{ projectName: undefined, projectDirectory: undefined, isCompatible: false },
      readBytes: onceEach(),
      readStandardInput: () => "",
      warn: () => {},
    };
    const whole = openLocalProject(request);
    const chosen = (withDependencies: boolean): ReturnType<typeof buildTargets> =>
      buildTargets(whole, [...withServices(whole, named, { withDependencies }).services.keys()]);
    const targets = chosen(args.includes("--with-dependencies"));
    const { ssh = {}, ...rest }: { readonly ssh?: Readonly<Record<string, string>> } = options;
    const asked: BuildOptions = {
      ...startOptions("2.40.3"),
      isForStart: false,
      ...rest,
      ssh: new Map(Object.entries(ssh)),
    };
    return bakeFile(whole, targets, chosen(true), asked).replaceAll(directory, "<DIR>");
  } finally {
    rmSync(parent, { recursive: true, force: true });
  }
}

/** docker compose writes names of targets in another order each time. */
function inOrder(text: string): string {
  const [head = "", groups = "", tail = ""] = text.split(/("targets": \[[^\]]*\])/);
  const names = [...groups.matchAll(/"([^"]+)"/g)].map(([, name = ""]) => name).slice(1);
  return [head, names.toSorted().join(","), tail].join("\n");
}

for (const each of cases as readonly PrintCase[]) {
  test(`bakeFile() is what docker compose prints: ${each.name}`, () => {
    if (each.expected === "") expect(JSON.parse(printed(each)).target).toEqual({});
    else expect(inOrder(printed(each))).toBe(inOrder(each.expected.trimEnd()));
  });
}

test("bakeFile() escapes templates wherever they stand", () => {
  const file = {
    services: { web: { build: { context: ".", labels: { l: "a$${b}" }, args: { A: "%{if}" } } } },
  };
  const text = printed({ name: "", file, args: [], expected: "" });
  expect(JSON.parse(text).target.web).toMatchObject({
    args: { A: "%%{if}" },
    labels: { l: "a$${b}" },
  });
});
