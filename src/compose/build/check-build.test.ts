import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onceEach } from "#compose/file/read-text.ts";
import { openLocalProject } from "#compose/open-project.ts";
import { checkBuild } from "./check-build.ts";
import { classicQuery } from "./classic-request.ts";
import { startOptions } from "./options.ts";
import { buildTargets } from "./targets.ts";

const folder = mkdtempSync(join(tmpdir(), "wharf-check-build-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
mkdirSync(join(folder, "ctx"));
writeFileSync(join(folder, "ctx", "Dockerfile"), "FROM scratch\n");
writeFileSync(join(folder, "file"), "");

/** A service `web` with this `build`, in flow style. */
function open(build: string): ReturnType<typeof openLocalProject> {
  const text = `services:
  web: {build: ${build}}
  base: {image: busybox}
secrets: {gone: {file: ./gone}, unset: {environment: UNSET}, set: {environment: SET}, far: {external: true}}
`;
  writeFileSync(join(folder, "compose.yaml"), text);
  return openLocalProject({
    ...{ files: [], envFiles: [], profiles: [], directory: folder, isCompatible: false },
    ...{ projectName: "p", projectDirectory: undefined, environment: new Map([["SET", "x"]]) },
    readBytes: onceEach(),
    readStandardInput: () => "",
    warn: () => {},
  });
}

function check(build: string): void {
  const project = open(build);
  for (const target of buildTargets(project, ["web"]).values()) checkBuild(project, target);
}

describe("checkBuild()", () => {
  const fine = [
    "{context: ctx}",
    "{context: ctx, dockerfile_inline: x, isolation: default}",
    '{context: "https://host/x.git", dockerfile: any}',
    '{context: ctx, additional_contexts: {a: "docker-image://x", b: "service:base", c: ./ctx}}',
    "{context: ctx, secrets: [set]}",
  ];
  for (const build of fine)
    test(`lets ${build} pass`, () => expect(() => check(build)).not.toThrow());

  const refused: readonly (readonly [build: string, place: string, message: string])[] = [
    [
      "{context: gone}",
      "2:17",
      `context: unable to prepare context: path "${folder}/gone" not found`,
    ],
    ["{context: file}", "2:17", `context: unable to prepare context: context must be a directory`],
    ["{context: ctx, dockerfile: Other}", "2:31", "dockerfile: failed to read dockerfile: open "],
    ["{context: ctx, isolation: hyperv}", "2:31", "isolation: only Windows containers have it"],
    [
      "{context: ctx, secrets: [gone]}",
      "2:41",
      `secrets.0: secret gone: ${folder}/gone is no file`,
    ],
    ["{context: ctx, secrets: [unset]}", "2:41", "secrets.0: secret unset: UNSET is not set"],
    ["{context: ctx, secrets: [far]}", "2:41", "secrets.0: unsupported external secret far"],
    ["{context: ctx, additional_contexts: {a: ./no}}", "2:53", "additional_contexts.a: path"],
    [
      '{context: ctx, additional_contexts: {a: "service:no"}}',
      "2:53",
      "additional_contexts.a: no such service: no",
    ],
  ];
  for (const [build, place, message] of refused) {
    test(`refuses ${build} at ${place}`, () => {
      expect(() => check(build)).toThrow(`compose.yaml:${place}: services.web.build.${message}`);
    });
  }
});

describe("classicQuery()", () => {
  const query = (build: string, options = {}): ReturnType<typeof classicQuery> => {
    const project = open(build);
    const [target] = buildTargets(project, ["web"]).values();
    if (!target) throw new Error("web is not built");
    return classicQuery(project, target, { ...startOptions("1"), ...options }, new Map());
  };

  test("asks for what the classic API has a place for", () => {
    const build = "{context: ctx, target: t, shm_size: 32m, ulimits: {nofile: 5}, pull: true}";
    expect(query(build, { memoryBytes: 1024, args: ["A=b"] })).toMatchObject({
      ...{ t: ["p-web"], target: "t", shmsize: "33554432", memory: "1024", pull: "1" },
      ...{ ulimits: '[{"Name":"nofile","Soft":5,"Hard":5}]', buildargs: '{"A":"b"}' },
    });
  });

  const keys: readonly (readonly [key: string, value: string])[] = [
    ["additional_contexts", "{a: ./ctx}"],
    ["cache_to", "[x]"],
    ["entitlements", "[network.host]"],
    ["no_cache_filter", "[x]"],
    ["privileged", "true"],
    ["provenance", "true"],
    ["sbom", "generator=x"],
    ["secrets", "[set]"],
    ["ssh", "[default]"],
    ["platforms", "[linux/amd64, linux/arm64]"],
  ];
  for (const [key, value] of keys) {
    test(`refuses ${key}, which only BuildKit has`, () => {
      const said = `compose.yaml:2:31: services.web.build.${key}: `;
      expect(() => query(`{context: ctx, ${key}: ${value}}`, { isForStart: false })).toThrow(said);
    });
  }

  test("takes attestations that are turned off for none", () => {
    expect(query("{context: ctx, provenance: false, sbom: false}")).toMatchObject({ rm: "1" });
    expect(() => query("{context: ctx}", { sbom: "true" })).toThrow("--sbom needs BuildKit");
  });
});
