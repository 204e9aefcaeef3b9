import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { LABEL } from "#compose/labels.ts";
import { loadProject } from "#compose/load-project.ts";
import { networkHash, serviceHash, volumeHash } from "#compose/model/hash.ts";
import type { Project } from "#compose/model/project.ts";
import { containerRequest } from "./container-request.ts";
import type { Json, JsonObject } from "./json.ts";

const testdata = `${import.meta.dir}/../testdata/up`;

function load(): Project {
  return loadProject({
    files: [
      {
        path: "/tmp/wharf-case/compose.yaml",
        content: readFileSync(`${testdata}/compose.yaml`, "utf8"),
      },
    ],
    workingDirectory: "/tmp/wharf-case",
    environment: new Map(),
    profiles: [],
    warn: () => {},
  });
}

/** What the engine takes as not said is left out, as it is of docker's. */
function said(value: Json): Json | undefined {
  if (value === null || value === "" || value === false || value === 0) return undefined;
  if (Array.isArray(value)) return value.length === 0 ? undefined : value.map(keep);
  if (typeof value !== "object") return value;
  const entries = Object.entries(value).flatMap(([key, each]): [string, Json][] => {
    const kept = KEPT.has(key) ? keep(each) : said(each);
    return kept === undefined ? [] : [[key, kept]];
  });
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}

const KEPT = new Set(["VolumeOptions", "BindOptions", "80/tcp", "99/tcp", "/t"]);
const keep = (value: Json): Json => said(value) ?? (typeof value === "object" ? {} : value);

test("a container is asked for as docker compose 2.40.3 asks for it", () => {
  const project = load();
  const expected = JSON.parse(readFileSync(`${testdata}/requests.json`, "utf8")) as Readonly<
    Record<string, JsonObject & { readonly Labels: Readonly<Record<string, string>> }>
  >;
  for (const [containerName, wanted] of Object.entries(expected)) {
    const serviceName = wanted.Labels[LABEL.service] ?? "";
    const service = project.services.get(serviceName) ?? {};
    const hash = wanted.Labels[LABEL.configHash];
    if (hash !== undefined) expect(serviceHash(service)).toBe(hash);
    const made = containerRequest({
      project,
      serviceName,
      service,
      containerName,
      number: Number(wanted.Labels[LABEL.number]),
      configHash: hash ?? "",
      imageId: wanted.Labels[LABEL.image],
      version: "2.40.3",
      containerOf: () => "",
    });
    expect(said(made)).toEqual(said(wanted) ?? {});
  }
});

test("networks and volumes have docker compose's hashes", () => {
  const { networks, volumes } = load();
  expect(networkHash(networks.get("back") ?? {})).toStartWith("5024404731eb30a6");
  expect(networkHash(networks.get("front") ?? {})).toStartWith("960ff8394792dc36");
  expect(volumeHash(volumes.get("data") ?? {})).toStartWith("3da1e2a3aabaf1b1");
});
