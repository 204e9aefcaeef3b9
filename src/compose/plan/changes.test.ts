import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import type { ContainerDetails } from "#compose/observe/details.ts";
import { changesOf } from "./changes.ts";
import type { JsonObject } from "./json.ts";
import { settingsOfContainer, settingsOfRequest } from "./settings.ts";

const requests = JSON.parse(
  readFileSync(`${import.meta.dir}/../testdata/up/requests.json`, "utf8"),
) as Readonly<Record<string, JsonObject & { readonly HostConfig: JsonObject }>>;

/** As an engine shows a container that it made of a request, with what it fills in. */
function made(body: JsonObject & { readonly HostConfig: JsonObject }): ContainerDetails {
  const { HostConfig: host, NetworkingConfig, ...config } = body;
  const networking = NetworkingConfig as { readonly EndpointsConfig: JsonObject };
  const image = { Cmd: ["sh"], Env: ["PATH=/bin"], Labels: { from: "image" }, WorkingDir: "/w" };
  const own = config as { readonly Env?: readonly string[]; readonly Labels: JsonObject };
  return {
    id: "0123456789abcdef",
    config: {
      ...config,
      Hostname: "0123456789ab",
      Env: [...(own.Env ?? []), ...image.Env],
      Labels: { ...own.Labels, ...image.Labels },
      WorkingDir: "/w",
    },
    hostConfig: {
      ...host,
      ShmSize: 67108864,
      Runtime: "runc",
      IpcMode: "private",
      CgroupnsMode: "host",
      MemorySwap: Number(host["Memory"] ?? 0) * 2,
      LogConfig: host["LogConfig"] ?? { Type: "json-file", Config: {} },
      RestartPolicy: host["RestartPolicy"] ?? { Name: "no", MaximumRetryCount: 0 },
    },
    endpoints: networking.EndpointsConfig,
    imageConfig: image,
  };
}

for (const [name, body] of Object.entries(requests)) {
  test(`changesOf() finds nothing between ${name} and the request that it was made of`, () => {
    const details = made(body);
    const wanted = settingsOfRequest(body, details.imageConfig);
    expect(changesOf(settingsOfContainer(details), wanted)).toEqual([]);
  });
}

/** What of a request changes, and what is said of it. */
const CHANGES: readonly (readonly [before: JsonObject, after: JsonObject, said: string])[] = [
  [{ Image: "a" }, { Image: "b" }, "image: a → b"],
  [{ Cmd: ["sleep", "1"] }, { Cmd: ["sleep", "a b"] }, 'command: sleep 1 → sleep "a b"'],
  [{ Env: ["A=1"] }, { Env: ["A=2"] }, "environment.A: 1 → 2"],
  [{ Env: ["A"] }, {}, "environment.A:  → -"],
  [
    { Env: ["DB_PASSWORD=x"] },
    { Env: ["DB_PASSWORD=y"] },
    "environment.DB_PASSWORD: (hidden) → (hidden)",
  ],
  [{ Env: ["P_PASSWORD_FILE=x"] }, {}, "environment.P_PASSWORD_FILE: x → -"],
  [
    { Env: ["U=pg://me:pw1@db/x"] },
    { Env: ["U=pg://you:pw2@db/x"] },
    "environment.U: pg://me:(hidden)@db/x → pg://you:(hidden)@db/x",
  ],
  [{ Labels: { a: "1" } }, { Labels: { a: "2" } }, "labels.a: 1 → 2"],
  [{ Labels: { "com.docker.compose.x": "1" } }, {}, ""],
  [{ StopTimeout: 10 }, {}, "stop_grace_period: 10s → -"],
  [{}, { Healthcheck: { Test: ["CMD", "x"] } }, "healthcheck.test: - → CMD x"],
  [{}, { Healthcheck: { Interval: 1e9 } }, "healthcheck.interval: - → 1s"],
  [{}, { ExposedPorts: { "80/tcp": {} } }, "expose: - → 80/tcp"],
  [{}, { HostConfig: { Memory: 5 } }, "mem_limit: - → 5"],
  [{}, { HostConfig: { NanoCpus: 5e8 } }, "cpus: - → 0.5"],
  [{ HostConfig: { CapAdd: ["CAP_KILL"] } }, { HostConfig: { CapAdd: ["KILL"] } }, ""],
  [{}, { HostConfig: { Binds: ["v:/d:ro"] } }, "volumes./d: - → v (ro)"],
  [
    { HostConfig: { Mounts: [{ Type: "volume", Target: "/a" }] } },
    { HostConfig: { Mounts: [{ Type: "volume", Target: "/a", Source: "f".repeat(64) }] } },
    "",
  ],
  [
    { HostConfig: { PortBindings: { "80/tcp": [{ HostPort: "80" }] } } },
    { HostConfig: { PortBindings: { "80/tcp": [{ HostIp: "127.0.0.1", HostPort: "" }] } } },
    "ports.80/tcp: 80 → 127.0.0.1:any port",
  ],
  [{ HostConfig: { Runtime: "runc" } }, {}, ""],
  [{ HostConfig: { Init: true } }, {}, "init: true → -"],
  [{ HostConfig: { RestartPolicy: { Name: "no" } } }, {}, ""],
  [
    {},
    { HostConfig: { RestartPolicy: { Name: "on-failure", MaximumRetryCount: 3 } } },
    "restart: - → on-failure:3",
  ],
  [{}, { HostConfig: { Ulimits: [{ Name: "core", Soft: 1, Hard: 2 }] } }, "ulimits.core: - → 1:2"],
  [
    { HostConfig: { NetworkMode: "n" }, NetworkingConfig: { EndpointsConfig: { n: {} } } },
    { HostConfig: { NetworkMode: "host" } },
    "network_mode: - → host, networks.n: connected → -",
  ],
];

for (const [before, after, said] of CHANGES) {
  test(`changesOf() says "${said}" of ${JSON.stringify(after)}`, () => {
    const changes = changesOf(settingsOfRequest(before, {}), settingsOfRequest(after, {}));
    const lines = changes.map(({ key, from = "-", to = "-" }) => `${key}: ${from} → ${to}`);
    expect(lines.join(", ")).toBe(said);
  });
}
