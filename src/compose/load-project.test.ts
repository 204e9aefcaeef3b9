import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { messageOf } from "#base/errors.ts";
import { loadProject } from "./load-project.ts";
import { serviceHash } from "./model/hash.ts";
import { writeJson } from "./model/write-json.ts";
import type { Project } from "./model/project.ts";
import { withoutUnused } from "./select-services.ts";
import { projectToWritten } from "./write-project.ts";

const testdata = `${import.meta.dir}/testdata`;
/** What `expected*` were made with: docker compose 2.40.3 in /tmp/wharf-case, S2=zz in the environment. */
const environment: ReadonlyMap<string, string> = new Map([
  ["S2", "zz"],
  ["HOME", "/root"],
]);

function load(folder: string, names: readonly string[], resolvesEnvironment = true): Project {
  return loadProject({
    files: names.map((name) => ({ path: `${folder}/${name}` })),
    workingDirectory: folder,
    environment,
    profiles: [],
    resolvesEnvironment,
    warn: () => {},
  });
}

function loadText(text: string, extra: Partial<Parameters<typeof loadProject>[0]> = {}): Project {
  return loadProject({
    files: [{ path: "compose.yaml", content: text }],
    workingDirectory: "/tmp/wharf-case",
    environment,
    profiles: [],
    warn: () => {},
    ...extra,
  });
}

function readExpected(path: string): string {
  return readFileSync(`${testdata}/${path}`, "utf8").trimEnd();
}

describe("as docker compose reads it", () => {
  for (const [name, files, expected] of [
    ["forms", ["compose.yaml"], "expected"],
    ["files", ["compose.yaml"], "expected"],
    ["files", ["compose.yaml", "override.yaml"], "expected-override"],
  ] as const) {
    const folder = `${testdata}/${name}`;

    test(`${name}: ${files.join(" under ")}`, () => {
      const project = withoutUnused(load(folder, files));
      const written = writeJson(projectToWritten(project, "json", { isEscaped: true }), 2);
      expect(written.replaceAll(folder, "<DIR>")).toBe(readExpected(`${name}/${expected}.json`));
    });

    test(`${name}: the config hashes of ${files.join(" under ")}`, () => {
      const lines = readExpected(`${name}/${expected}.hashes`).split("\n");
      const wanted = new Map(lines.map((line) => line.split(" ") as [string, string]));
      const isText = name === "forms";
      const { services } = isText
        ? loadText(readFileSync(`${folder}/compose.yaml`, "utf8"), { resolvesEnvironment: false })
        : load(folder, files, false);
      // the others name paths, which are part of the hash
      const compared = isText ? [...services.keys()] : ["api", "web2"];
      for (const service of compared) {
        expect([service, serviceHash(services.get(service) ?? {})]).toEqual([
          service,
          wanted.get(service) ?? "",
        ]);
      }
    });
  }
});

const at = (line: number, column: number): string => `compose.yaml:${line}:${column}: `;

/** A file, and what is said of it. */
const FAULTS: readonly (readonly [text: string, message: string])[] = [
  [
    "services:\n  web:\n    imge: x\n",
    `${at(3, 5)}services.web.imge: unknown key; did you mean image?`,
  ],
  [
    "services:\n  web:\n    image: x\n    ports: 80\n",
    `${at(4, 5)}services.web.ports: must be a list, not 80`,
  ],
  [
    "services:\n  web:\n    image: x\n    healthcheck: {test: 1}\n",
    `${at(4, 19)}services.web.healthcheck.test: must be a string or a list, not 1`,
  ],
  [
    "services:\n  w b: {image: x}\n",
    `${at(2, 3)}services.w b: not a name: want letters, digits, dots, underscores and hyphens`,
  ],
  ["services:\n  web: x\n", `${at(2, 3)}services.web: must be a mapping, not the string "x"`],
  ["services:\n  1: {}\n", `${at(2, 3)}services: non-string key: 1; put it in quotes`],
  ["services:\n\tweb: x\n", `${at(2, 1)}not valid YAML: Tabs are not allowed as indentation`],
  [
    "services:\n  web:\n    image: x\n    image: y\n",
    `${at(4, 5)}services.web.image: this key is there twice`,
  ],
  [
    // oxlint-disable-next-line eslint/no-template-curly-in-string
    "services:\n  web:\n    image: ${X:?which one}\n",
    `${at(3, 5)}services.web.image: required variable X is missing a value: which one`,
  ],
  [
    // oxlint-disable-next-line eslint/no-template-curly-in-string
    "services:\n  web:\n    image: ${X\n",
    // oxlint-disable-next-line eslint/no-template-curly-in-string
    `${at(3, 5)}services.web.image: invalid interpolation format: "\${X"; to mean a dollar sign, write $$`,
  ],
  [
    "services:\n  web:\n    image: x\n    volumes: ['data:']\n",
    `${at(4, 15)}services.web.volumes[0]: invalid spec: data:: empty section between colons`,
  ],
  [
    "services:\n  web:\n    image: x\n    ports: ['80:x']\n",
    `${at(4, 13)}services.web.ports[0]: invalid containerPort: x`,
  ],
  [
    "services:\n  web: {}\n",
    `${at(2, 3)}service "web" has neither an image nor a build context specified: invalid compose project`,
  ],
  [
    "services:\n  web: {image: x, networks: [frnt]}\nnetworks:\n  front:\n",
    `${at(2, 30)}service "web" refers to undefined network frnt (did you mean front?): invalid compose project`,
  ],
  [
    "services:\n  web: {image: x, depends_on: [bd]}\n  db: {image: x}\n",
    `${at(2, 32)}service "web" depends on undefined service "bd" (did you mean db?): invalid compose project`,
  ],
  [
    "services:\n  aa: {image: x, depends_on: [bb]}\n  bb: {image: x, depends_on: [aa]}\n",
    `${at(3, 31)}dependency cycle detected: aa -> bb -> aa: invalid compose project`,
  ],
  [
    "services:\n  aa: {extends: bb}\n  bb: {extends: aa}\n",
    `${at(2, 8)}Circular reference: aa in compose.yaml, extends bb in compose.yaml, extends aa in compose.yaml`,
  ],
  [
    "services:\n  aa: {extends: {service: nothing}}\n",
    `${at(2, 8)}cannot extend service "aa" in compose.yaml: service "nothing" not found`,
  ],
  [
    "services:\n  web:\n    image: x\n    deploy: {replicas: 2}\n    container_name: one\n",
    `${at(5, 5)}services.web: can't set container_name and scale as container name must be unique: invalid compose project`,
  ],
  [
    "services:\n  web: {image: x, mem_limit: lots}\n",
    `${at(2, 19)}services.web.mem_limit: invalid size: 'lots'`,
  ],
  ["- a\n", "compose.yaml:1:1: the top of the file must be a mapping"],
  ["", "empty compose file"],
];

describe("a fault is shown with its place", () => {
  for (const [text, message] of FAULTS) {
    test(message, () => {
      let said = "nothing";
      try {
        loadText(text);
      } catch (error) {
        said = messageOf(error);
      }
      expect(said).toBe(message);
    });
  }

  test("aliases that multiply are refused before they fill the memory", () => {
    const levels = Array.from({ length: 12 }, (_, level) => {
      const inner = level === 0 ? "x" : `*a${level - 1}`;
      return `  k${level}: &a${level} [${Array.from({ length: 10 }, () => inner).join(", ")}]`;
    });
    expect(() => loadText(`x-bomb:\n${levels.join("\n")}\n`)).toThrow("its aliases multiply");
  });

  test("an alias in what it stands for is refused", () => {
    expect(() => loadText("x-a: &a [1, *a]\nservices: {}\n")).toThrow(
      "stands in what it stands for",
    );
  });

  test("a key that is JavaScript's own is a key like others", () => {
    const text = "services:\n  web:\n    image: x\n    labels: {__proto__: a, constructor: b}\n";
    const labels = loadText(text).services.get("web")?.labels ?? new Map<string, string>();
    expect([...labels]).toEqual([
      ["__proto__", "a"],
      ["constructor", "b"],
    ]);
    expect(Reflect.get({}, "a")).toBeUndefined();
  });
});

describe("project", () => {
  test("is named by -p, by the file, by its folder", () => {
    const text = "name: From-File_1\nservices: {web: {image: x}}\n";
    expect(loadText(text, { projectName: "asked" }).name).toBe("asked");
    expect(loadText(text).name).toBe("from-file_1");
    expect(loadText("services: {web: {image: x}}\n").name).toBe("wharf-case");
    expect(() => loadText(text, { projectName: "No Good" })).toThrow("invalid project name");
  });

  test("has the services whose profiles are active, or that are named", () => {
    const text =
      "services:\n  web: {image: x}\n  dbg: {image: x, profiles: [debug]}\n  two: {image: x, profiles: [other]}\n";
    const names = (extra: Parameters<typeof loadText>[1]): readonly string[] => [
      ...loadText(text, extra).services.keys(),
    ];
    expect(names({})).toEqual(["web"]);
    expect(names({ profiles: ["debug"] })).toEqual(["web", "dbg"]);
    expect(names({ profiles: ["*"] })).toEqual(["web", "dbg", "two"]);
    expect(names({ services: ["two"] })).toEqual(["web", "two"]);
  });

  test("says once that a variable is not set, and that `version` is no use", () => {
    const said: string[] = [];
    // oxlint-disable-next-line eslint/no-template-curly-in-string
    const text = 'version: "3"\nservices: {web: {image: "x$UN", hostname: "${UN}"}}\n';
    loadText(text, { warn: (message) => said.push(message) });
    expect(said).toEqual([
      'The "UN" variable is not set. Defaulting to a blank string.',
      expect.stringContaining("the attribute `version` is obsolete"),
    ]);
  });
});
