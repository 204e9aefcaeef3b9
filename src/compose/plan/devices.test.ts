import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { loadProject } from "#compose/load-project.ts";
import type { Json } from "./json.ts";
import { deviceRequestsOf, devicesOf } from "./devices.ts";

const testdata = `${import.meta.dir}/../testdata/devices`;

interface Expected {
  readonly DeviceRequests: readonly { readonly Capabilities: readonly string[][] | null }[] | null;
  readonly Devices: Json;
}

test("GPUs, reservations and CDI devices are asked for as docker compose 2.40.3 asks for them", () => {
  const { services } = loadProject({
    files: [{ path: `${testdata}/compose.yaml` }],
    workingDirectory: testdata,
    environment: new Map(),
    profiles: [],
    warn: () => {},
  });
  const requests = JSON.parse(readFileSync(`${testdata}/requests.json`, "utf8")) as Readonly<
    Record<string, Expected>
  >;
  expect([...services.keys()].toSorted()).toEqual(Object.keys(requests).toSorted());
  for (const [name, { DeviceRequests, Devices }] of Object.entries(requests)) {
    const service = services.get(name) ?? {};
    expect(devicesOf(service) ?? null).toEqual(Devices);
    // docker compose says gpu twice where the file says it, too
    const wanted = DeviceRequests?.map((request) => ({
      ...request,
      Capabilities: request.Capabilities?.map((all) => [...new Set(all)]) ?? null,
    }));
    expect(deviceRequestsOf(service)).toEqual(wanted ?? undefined);
  }
});
