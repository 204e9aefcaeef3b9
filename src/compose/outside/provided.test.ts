import { expect, test } from "bun:test";
import type { Project, Service } from "#compose/model/project.ts";
import type { ContainerDetails } from "#compose/observe/details.ts";
import type { ObservedContainer } from "#compose/observe/observed.ts";
import { assumeProvided, modelVariables, withProvided } from "./provided.ts";

function projectOf(services: Readonly<Record<string, Service>>): Project {
  return {
    ...{ name: "p", workingDirectory: "/", files: [], environment: new Map() },
    services: new Map(Object.entries(services)),
    ...{ disabledServices: new Map(), networks: new Map(), volumes: new Map() },
    ...{ secrets: new Map(), configs: new Map(), models: new Map(), extensions: new Map() },
    locate: () => "",
  };
}

const container: ObservedContainer = {
  ...{ id: "1", name: "p-web-1", service: "web", number: 1, isOneOff: false, configHash: "" },
  ...{ imageId: "", state: "running", status: "", labels: {}, ports: [] },
  ...{ networks: new Map(), volumes: new Map() },
};

function detailsWith(env: readonly string[]): ReadonlyMap<string, ContainerDetails> {
  const imageConfig = { Env: ["DB_OF_IMAGE=1", "PATH=/bin"] };
  return new Map([
    ["1", { id: "1", config: { Env: env }, hostConfig: {}, endpoints: {}, imageConfig }],
  ]);
}

const project = projectOf({
  web: {
    depends_on: new Map([["db", {}]]),
    environment: new Map([["DB_SAID", "file"]]),
    models: new Map([["my-llm", null]]),
  },
  db: { provider: { type: "cloud" } },
  other: { environment: new Map() },
});
const env = ["PATH=/bin", "DB_OF_IMAGE=1", "DB_SAID=file", "DB_URL=a=b", "MY_LLM_URL=u", "X=1"];

test("assumeProvided() takes what neither the file nor the image says, by the provider's prefix", () => {
  const seen = { containers: [container], details: detailsWith(env) };
  expect([...assumeProvided(project, seen)]).toEqual([
    [
      "web",
      new Map([
        ["DB_URL", "a=b"],
        ["MY_LLM_URL", "u"],
      ]),
    ],
  ]);
});

test("assumeProvided() leaves out what is asked, and keeps it of a service that is left out", () => {
  const seen = { containers: [container], details: detailsWith(env) };
  const asked = assumeProvided(project, seen, new Set(["db"]));
  expect(asked.get("web")).toEqual(new Map([["MY_LLM_URL", "u"]]));
  const [web, db] = ["web", "db"].map((name) => project.services.get(name) ?? {});
  const alone = {
    ...project,
    services: new Map([["web", web ?? {}]]),
    disabledServices: new Map([["db", db ?? {}]]),
  };
  expect(assumeProvided(alone, seen).get("web")?.get("DB_URL")).toBe("a=b");
});

test("withProvided() goes over what the file says", () => {
  const filled = withProvided(project, new Map([["web", new Map([["DB_SAID", "cloud"]])]]));
  expect(filled.services.get("web")?.environment).toEqual(new Map([["DB_SAID", "cloud"]]));
  expect(withProvided(project, new Map())).toBe(project);
});

test("modelVariables() are of the model's key, unless said", () => {
  expect(modelVariables("my-llm", null)).toEqual({ endpoint: "MY_LLM_URL", model: "MY_LLM_MODEL" });
  expect(modelVariables("a", { endpoint_var: "E" })).toEqual({ endpoint: "E", model: "A_MODEL" });
});
