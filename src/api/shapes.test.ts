import { describe, expect, test } from "bun:test";
import type { ImageRecord } from "#images/images.ts";
import { parseDiffId, parseDigest } from "#spec/digest.ts";
import { MAX_API_VERSION, parseApiVersion } from "#spec/engine-api/version.ts";
import { parseNetworkId } from "#spec/ids.ts";
import { EMPTY_EXECUTION_CONFIG } from "#spec/oci-image.ts";
import { inspectToWire, progressToWire, summaryToWire } from "./images/wire.ts";
import { matchesNetworkFilters, networkToWire } from "./networks/routes.ts";
import type { EngineInfo } from "./system/backend.ts";
import { eventToJson } from "./system/events.ts";
import { infoToWire, versionToWire } from "./system/wire.ts";
import { shapeDifferences } from "./testing/shape.ts";
import docker from "./testdata/docker-28.json";
import { pruneFilters, volumeToWire } from "./volumes/routes.ts";

const V151 = parseApiVersion("1.51");
const V144 = parseApiVersion("1.44");
const V143 = parseApiVersion("1.43");
const V141 = parseApiVersion("1.41");
const json = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

const DIGEST = parseDigest(`sha256:${"ab".repeat(32)}`);
const IMAGE: ImageRecord = {
  id: DIGEST,
  config: {
    created: "2026-01-02T03:04:05Z",
    author: "",
    platform: { os: "linux", architecture: "amd64" },
    osFeatures: [],
    config: { ...EMPTY_EXECUTION_CONFIG, cmd: ["/bin/busybox", "true"] },
    diffIds: [parseDiffId(DIGEST)],
    history: [],
    comment: "Imported from -",
    dockerVersion: "28.5.2+dfsg4",
  },
  diffIds: [parseDiffId(DIGEST)],
  layers: [],
  manifest: {
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    digest: DIGEST,
    sizeBytes: 1,
  },
  tags: ["wharf-golden:latest"],
  repoDigests: [],
  sizeBytes: 5,
  createdLocallyMs: 0,
  lastTaggedMs: 0,
};
const GRAPH = { name: "overlay2", data: {} };
/** The containerd image store's field, which docker without that store has not. */
const OWN_FIELD = ".Descriptor: Docker has none";

describe("images", () => {
  test.each([
    ["1.51", V151, docker.image],
    ["1.44", V144, docker.image144],
    ["1.43", V143, docker.image143],
  ])("inspect has Docker's keys of API %s", (_name, version, expected) => {
    const differences = shapeDifferences(expected, json(inspectToWire(IMAGE, GRAPH, version)));
    expect(differences.filter((line) => line !== OWN_FIELD)).toEqual([]);
  });

  test("inspect of the newest API leaves out what it dropped", () => {
    const keys = Object.keys(inspectToWire(IMAGE, GRAPH, MAX_API_VERSION));
    for (const gone of ["Parent", "DockerVersion", "ContainerConfig", "VirtualSize"]) {
      expect(keys).not.toContain(gone);
    }
  });

  test("a nameless image had names of its own before API 1.43", () => {
    const nameless = { ...IMAGE, tags: [] };
    expect(summaryToWire(nameless, { containers: 0, sharedBytes: -1 }, V141)).toMatchObject({
      RepoTags: ["<none>:<none>"],
      RepoDigests: ["<none>@<none>"],
      Containers: -1,
      VirtualSize: 5,
    });
    expect(summaryToWire(nameless, { containers: 2, sharedBytes: -1 }, V151)).toMatchObject({
      RepoTags: [],
      Containers: 2,
    });
  });

  test("progress has Docker's words", () => {
    const step = { id: "a", status: "Loading layer", progress: { currentBytes: 1, totalBytes: 2 } };
    const lean = { id: "a", status: "Loading layer", progressDetail: { current: 1, total: 2 } };
    expect(progressToWire(step, MAX_API_VERSION)).toEqual(lean);
    const progress = "[=========================>                         ]       1B/2B";
    expect(progressToWire(step, V151)).toEqual({ ...lean, progress });
    const waiting = { id: "a", status: "Waiting", progress: {} };
    expect(progressToWire(waiting, V151)).toEqual({
      id: "a",
      status: "Waiting",
      progressDetail: {},
    });
  });
});

describe("networks and volumes", () => {
  const network = {
    id: parseNetworkId("cd".repeat(32)),
    name: "bridge",
    driver: "bridge",
    createdMs: 0,
    internal: false,
    enableIpv4: true,
    enableIpv6: false,
    labels: { tier: "front" },
    options: {
      "com.docker.network.bridge.default_bridge": "true",
      "com.docker.network.bridge.enable_icc": "true",
      "com.docker.network.bridge.enable_ip_masquerade": "true",
      "com.docker.network.bridge.host_binding_ipv4": "0.0.0.0",
      "com.docker.network.bridge.name": "peers0",
      "com.docker.network.driver.mtu": "1500",
    },
    pools: [{ subnet: "172.17.0.0/16", gateway: "172.17.0.1" }],
  } as const;

  test("a network has Docker's keys", () => {
    const wire = { ...networkToWire({ ...network, labels: {} }), Containers: {} };
    expect(shapeDifferences({ ...docker.network, Containers: {} }, json(wire))).toEqual([]);
  });

  test.each([
    [{ name: ["ridg"] }, true],
    [{ driver: ["host"] }, false],
    [{ type: ["builtin"] }, true],
    [{ type: ["custom"] }, false],
    [{ label: ["tier=front"] }, true],
    [{ label: ["tier=back"] }, false],
    [{ id: ["cdcd"] }, true],
    [{ scope: ["swarm"] }, false],
  ])("filters %j", (filters, isWanted) => {
    expect(matchesNetworkFilters(network, new Map(Object.entries(filters)))).toBe(isWanted);
  });

  test("a volume has Docker's keys", () => {
    const volume = {
      name: "wharf-golden",
      driver: "local",
      mountpoint: "/v",
      labels: {},
      options: {},
      createdMs: 0,
      isAnonymous: false,
    };
    expect(shapeDifferences(docker.volume, json(volumeToWire({ volume })))).toEqual([]);
  });

  test("prune took named volumes too before API 1.42", () => {
    expect([...pruneFilters(undefined, V141).keys()]).toEqual(["all"]);
    expect([...pruneFilters(undefined, V151).keys()]).toEqual([]);
  });
});

describe("system", () => {
  const info: EngineInfo = {
    id: "x",
    name: "vm",
    version: "1",
    containers: { running: 1, paused: 1, stopped: 1 },
    imageCount: 1,
    storageDriver: "overlay2",
    storageStatus: [],
    dataRoot: "/data/docker",
    logDriver: "json-file",
    logDrivers: ["json-file"],
    volumeDrivers: ["local"],
    authorizationPlugins: [],
    networkDrivers: ["bridge"],
    cgroupVersion: "1",
    cgroupDriver: "cgroupfs",
    cgroupControllers: ["cpu", "cpuset", "memory", "pids"],
    mayLimitSwap: true,
    mayDisableOomKill: true,
    isIpv4Forwarding: true,
    isDebug: false,
    openFiles: 1,
    eventListeners: 0,
    kernelVersion: "6",
    operatingSystem: "Debian",
    osVersion: "",
    machine: "x86_64",
    cpuCount: 2,
    memoryBytes: 1,
    labels: [],
    registryMirrors: [],
    insecureRegistries: [],
    runtimes: {},
    defaultRuntime: "runc",
    isLiveRestore: false,
    initBinary: "docker-init",
    securityOptions: [],
    isExperimental: false,
    proxies: { http: "", https: "", none: "" },
    addressPools: [],
    cdiSpecDirectories: ["/etc/cdi"],
    cdiDevices: [],
    warnings: [],
  };

  test("info has Docker's keys", () => {
    const missing = shapeDifferences(docker.info, json(infoToWire(info, V151, 0n))).filter((line) =>
      /missing|Docker has none|want (null|array|object|string|boolean|number), got/.test(line),
    );
    expect(missing).toEqual([".Containerd: missing"]); // there is no containerd to tell about
  });

  test("version has Docker's keys", () => {
    const engine = {
      version: "1",
      gitCommit: "a",
      buildTime: "2026",
      os: "linux",
      architecture: "amd64",
      kernelVersion: "6",
      components: [],
    };
    const wire = Object.keys(versionToWire(engine, "bun1"));
    expect(wire.toSorted()).toEqual(Object.keys(docker.version).toSorted());
  });

  test("an event keeps all digits of its time, and the old fields for old clients only", () => {
    const event = {
      type: "container",
      action: "start",
      actorId: "c1",
      attributes: { image: "busybox", name: "web" },
      scope: "local",
      timeNanos: 1_795_313_312_603_320_406n,
    } as const;
    expect(eventToJson(event, V151)).toBe(
      '{"status":"start","id":"c1","from":"busybox","Type":"container","Action":"start","Actor":{"ID":"c1",' +
        '"Attributes":{"image":"busybox","name":"web"}},"scope":"local","time":1795313312,"timeNano":1795313312603320406}',
    );
    expect(eventToJson(event, MAX_API_VERSION)).toStartWith('{"Type":"container"');
  });
});
