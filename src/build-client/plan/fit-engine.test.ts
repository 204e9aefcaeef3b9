import { describe, expect, test } from "bun:test";
import type { BuildOutput, BuildRequest } from "#build-client/build-request.ts";
import type { WorkerRecord } from "#spec/buildkit/shared.ts";
import { fitToEngine, isDemanding } from "./fit-engine.ts";

function worker(labels: Readonly<Record<string, string>>): WorkerRecord {
  const none = { platforms: [], gcPolicies: [], version: undefined };
  return { id: "w", labels: new Map(Object.entries(labels)), ...none };
}

const STORE = worker({ "org.mobyproject.buildkit.worker.snapshotter": "overlayfs" });
const BARE = worker({ "org.mobyproject.buildkit.worker.moby.host-gateway-ip": "172.17.0.1" });

function request(
  attributes: Readonly<Record<string, string>>,
  ...outputs: readonly (readonly [type: string, attributes?: Readonly<Record<string, string>>])[]
): BuildRequest {
  const none = new Map<string, never>();
  return {
    attributes: new Map(Object.entries(attributes)),
    ...{ folders: none, secrets: none, agents: none, uploads: none, stores: none },
    outputs: outputs.map(
      ([type, told = {}]): BuildOutput => ({
        type,
        attributes: new Map(Object.entries(told)),
        place: { kind: "engine" },
      }),
    ),
    ...{ cacheImports: [], cacheExports: [], entitlements: [] },
  };
}

describe("fitToEngine()", () => {
  test("leaves what every engine can do without asking", () => {
    expect(isDemanding(request({ platform: "linux/amd64" }, ["moby"], ["local"]))).toBe(false);
    expect(isDemanding(request({ platform: "linux/amd64,linux/arm64" }))).toBe(true);
    expect(isDemanding(request({ "attest:sbom": "" }))).toBe(true);
    expect(isDemanding(request({}, ["image"]))).toBe(true);
  });

  test("asks an engine whose images are in BuildKit's store for all of it", () => {
    const asked = request({ "attest:sbom": "", platform: "a,b" }, ["image", { push: "true" }]);
    expect(fitToEngine(asked, [STORE])).toEqual({ request: asked, pushed: [] });
  });

  test("pushes afterwards what an engine without that store has built", () => {
    const asked = request({}, ["image", { name: "r/a:1,r/a:2", push: "true" }], ["local"]);
    const fitted = fitToEngine(asked, [BARE]);
    expect(fitted.pushed).toEqual(["r/a:1", "r/a:2"]);
    expect(fitted.request.outputs.map(({ type }) => type)).toEqual(["moby", "local"]);
    expect(fitted.request.outputs[0]?.attributes).toEqual(new Map([["name", "r/a:1,r/a:2"]]));
    const kept = request({}, ["image", { name: "r/a:1", push: "false" }]);
    expect(fitToEngine(kept, [BARE]).pushed).toEqual([]);
  });

  test("refuses what such an engine would leave out", () => {
    expect(() => fitToEngine(request({ "attest:provenance": "" }, ["moby"]), [BARE])).toThrow(
      "Attestation is not supported by the engine's image store",
    );
    expect(() => fitToEngine(request({ platform: "linux/amd64,linux/arm64" }), [BARE])).toThrow(
      "Multi-platform build is not supported by the engine's image store",
    );
  });
});
