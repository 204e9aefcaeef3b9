import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { writeJson } from "./model/write-json.ts";
import { onceEach } from "./file/read-text.ts";
import { openLocalProject, type ProjectRequest } from "./open-project.ts";
import { withoutUnused } from "./select-services.ts";
import { projectToWritten } from "./write-project.ts";

/** What docker compose 2.40.3 makes of files: the specification's rules of merging, variables and paths. */
interface SpecCase {
  readonly name: string;
  readonly files: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly profiles?: readonly string[];
  /** Its `config --format json`, with the folder as `<DIR>`. */
  readonly expected?: unknown;
  /** Its message where it refuses the files; ours says it in other words. */
  readonly refused?: string;
}

const cases = JSON.parse(
  readFileSync(`${import.meta.dir}/testdata/cases.json`, "utf8"),
) as readonly SpecCase[];

const root = mkdtempSync(join(tmpdir(), "wharf-cases-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

function flag(args: readonly string[], name: string): readonly string[] {
  return args.flatMap((each, index) => (each === name ? [args[index + 1] ?? ""] : []));
}

function resolved({ files, args = [], env = {}, profiles = [] }: SpecCase): unknown {
  const directory = join(root, "wharf-case");
  rmSync(directory, { recursive: true, force: true });
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), content);
  }
  const [projectDirectory] = flag(args, "--project-directory");
  const request: ProjectRequest = {
    files: flag(args, "-f"),
    envFiles: flag(args, "--env-file"),
    profiles,
    projectName: undefined,
    projectDirectory,
    isCompatible: false,
    directory,
    environment: new Map([["HOME", "/root"], ...Object.entries(env)]),
    readBytes: onceEach(),
    readStandardInput: () => "",
    warn: () => {},
  };
  const project = withoutUnused(openLocalProject(request));
  const text = writeJson(projectToWritten(project, "json", { isEscaped: true }), 0);
  return JSON.parse(text.replaceAll(directory, "<DIR>").replaceAll(root, "/tmp"));
}

describe("as docker compose reads it", () => {
  for (const each of cases) {
    test(each.name, () => {
      if (each.refused === undefined) expect(resolved(each)).toEqual(each.expected);
      else expect(() => resolved(each)).toThrow();
    });
  }
});
